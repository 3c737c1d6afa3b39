/*
 * State: terminals whose output is stopped, without data that nobody has read: by ^S, by another character that does so, by ^S
 * with a master in packet mode that has read of it, and by tcflow(3) where no character could.
 * Verify: it is stopped; no status waits for the master; each starts as it should.
 */
#include "wl.h"
#include <poll.h>
#include <sys/ioctl.h>
#include <termios.h>

static int m[4], s[4];

static int ready(int fd, int what)
{
	struct pollfd p = { fd, what, 0 };

	SYS(poll(&p, 1, 0));
	return p.revents & what;
}

static void until(int i, int stopped)
{
	for (int t = 0; t < 400 && !ready(s[i], POLLOUT) != stopped; t++)
		wl_sleep_ms(5);
	CHECK(!ready(s[i], POLLOUT) == stopped, "terminal %d: the output %s", i, stopped ? "runs" : "is stopped");
}

int main(void)
{
	struct termios t;
	char name[64], c[2];
	int on = 1;

	wl_init();
	for (int i = 0; i < 4; i++) {
		m[i] = SYS(posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK));
		SYS(unlockpt(m[i]));
		SYS(ptsname_r(m[i], name, sizeof(name)));
		s[i] = SYS(open(name, O_RDWR | O_NOCTTY | O_NONBLOCK));
		SYS(tcgetattr(s[i], &t));
		if (i == 1)
			t.c_cc[VSTOP] = 'p';
		if (i == 3)
			cfmakeraw(&t);
		SYS(tcsetattr(s[i], TCSANOW, &t));
	}
	SYS(ioctl(m[2], TIOCPKT, &on));
	SYS(write(m[0], "\023", 1));
	SYS(write(m[1], "p", 1));
	SYS(write(m[2], "\023", 1));
	SYS(tcflow(s[3], TCOOFF));
	for (int i = 0; i < 4; i++)
		until(i, 1);
	CHECK(read(m[2], c, 2) == 1 && c[0] == TIOCPKT_STOP, "setup: no status");
	wl_ready();
	wl_wait();
	for (int i = 0; i < 4; i++) {
		CHECK(!ready(s[i], POLLOUT), "terminal %d: the output runs", i);
		CHECK(!ready(m[i], POLLIN | POLLPRI), "terminal %d: something waits for the master", i);
		CHECK(write(s[i], "x", 1) == -1 && errno == EAGAIN, "terminal %d takes data", i);
	}
	for (int i = 0; i < 3; i++) {
		SYS(write(m[i], "\021", 1));
		until(i, 0);
	}
	CHECK(read(m[2], c, 2) == 1 && c[0] == TIOCPKT_START, "no status");
	SYS(tcflow(s[3], TCOON));
	until(3, 0);
	for (int i = 0; i < 4; i++) {
		SYS(write(s[i], "x", 1));
		CHECK(!ready(s[i], POLLIN), "terminal %d has input", i);
	}
	wl_ok();
}
