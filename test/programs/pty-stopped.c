/*
 * State: two terminals with output that nobody has read, and whose output is then stopped, by ^S and by tcflow(3).
 * Verify: the data is there; the output is still stopped, and starts as it was stopped.
 */
#include "wl.h"
#include <poll.h>
#include <termios.h>

static int m[2], s[2];

static int stopped(int i)
{
	struct pollfd p = { s[i], POLLOUT, 0 };

	SYS(poll(&p, 1, 0));
	return !(p.revents & POLLOUT);
}

int main(void)
{
	char name[64], buf[64];
	int n;

	wl_init();
	for (int i = 0; i < 2; i++) {
		m[i] = SYS(posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK));
		SYS(unlockpt(m[i]));
		SYS(ptsname_r(m[i], name, sizeof(name)));
		s[i] = SYS(open(name, O_RDWR | O_NOCTTY | O_NONBLOCK));
		SYS(write(s[i], "abc\n", 4));
	}
	SYS(write(m[0], "\023", 1));
	SYS(tcflow(s[1], TCOOFF));
	wl_sleep_ms(50);
	CHECK(stopped(0) && stopped(1), "setup: not stopped");
	wl_ready();
	wl_wait();
	for (int i = 0; i < 2; i++) {
		n = read(m[i], buf, sizeof(buf));
		CHECK(n == 5 && !memcmp(buf, "abc\r\n", 5), "terminal %d: %d bytes", i, n);
		CHECK(stopped(i), "terminal %d: the output runs", i);
		SYS(write(m[i], "\021", 1));
		wl_sleep_ms(50);
		CHECK(stopped(i) == i, "terminal %d: after ^Q", i);
	}
	SYS(tcflow(s[1], TCOON));
	CHECK(!stopped(1), "terminal 1: after TCOON");
	wl_ok();
}
