/*
 * State: a raw terminal as full as it gets both ways, and a canonical one with
 * more lines than its line discipline takes.
 * Verify: every byte of both, in order; what its line discipline had not taken
 * yet is translated when it does.
 */
#include "wl.h"
#include <poll.h>
#include <termios.h>

#define MOST 200000

static unsigned char want[MOST], got[MOST];

static void pair(int *m, int *s, int canonical)
{
	struct termios t;
	char name[64];

	*m = SYS(posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK));
	SYS(unlockpt(*m));
	SYS(ptsname_r(*m, name, sizeof(name)));
	*s = SYS(open(name, O_RDWR | O_NOCTTY | O_NONBLOCK));
	SYS(tcgetattr(*s, &t));
	if (canonical)
		t.c_lflag &= ~ECHO;
	else
		cfmakeraw(&t);
	SYS(tcsetattr(*s, TCSANOW, &t));
}

static int fill(int fd, int seed)
{
	int n = 0, r, idle = 0;

	wl_fill(want, MOST, seed);
	while (n < MOST && idle < 20) {
		r = write(fd, want + n, MOST - n < 999 ? MOST - n : 999);
		if (r > 0)
			n += r;
		else {
			CHECK(errno == EAGAIN, "write: %s", strerror(errno));
			idle++;
			wl_sleep_ms(5);
		}
	}
	return n;
}

static void drain(int fd, int n, int seed, const char *what)
{
	int at = 0, r;

	while (at < n) {
		struct pollfd p = { fd, POLLIN, 0 };

		CHECK(poll(&p, 1, 1000) == 1, "%s: only %d of %d bytes", what, at, n);
		r = SYS(read(fd, got + at, MOST - at));
		at += r;
	}
	CHECK(at == n && !wl_differs(got, n, seed), "%s: other bytes", what);
}

int main(void)
{
	int m, s, cm, cs, in, out, lines = 0, r;
	char line[32], text[32];

	wl_init();
	pair(&m, &s, 0);
	in = fill(m, 1);
	out = fill(s, 2);
	CHECK(in > 8000 && out > 8000, "setup: only %d and %d bytes", in, out);
	pair(&cm, &cs, 1);
	while (lines < 1500) {
		snprintf(line, sizeof(line), "line %d\r", lines);
		if (write(cm, line, strlen(line)) != (int)strlen(line))
			break;
		lines++;
	}
	wl_sleep_ms(50);
	CHECK(lines > 700, "setup: only %d lines", lines);
	wl_ready();
	wl_wait();
	drain(s, in, 1, "input");
	drain(m, out, 2, "output");
	for (int i = 0; i < lines; i++) {
		struct pollfd p = { cs, POLLIN, 0 };

		CHECK(poll(&p, 1, 1000) == 1, "only %d of %d lines", i, lines);
		r = SYS(read(cs, text, sizeof(text)));
		snprintf(line, sizeof(line), "line %d\n", i);
		CHECK(r == (int)strlen(line) && !memcmp(text, line, r), "line %d: %d bytes: %.*s", i, r, r, text);
	}
	wl_ok();
}
