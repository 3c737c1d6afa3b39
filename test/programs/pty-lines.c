/*
 * State: terminals in canonical mode with input that nobody has read: lines
 * that are finished, one that is not, an end of file by itself and one behind
 * text, a quoted control character; input that was typed in raw mode and is to be read
 * in canonical mode; output with CR NL, in a terminal whose slave is closed.
 * Verify: every read returns what it would have returned, and the unfinished
 * line goes on; nothing was echoed once more.
 */
#include "wl.h"
#include <poll.h>
#include <sys/ioctl.h>
#include <termios.h>

static int m[6], s[6];

static void type(int i, const char *text)
{
	SYS(write(m[i], text, strlen(text)));
}

static void reads(int i, const char *text)
{
	char buf[256];
	int n = read(s[i], buf, sizeof(buf));

	CHECK(n == (int)strlen(text) && !memcmp(buf, text, n), "terminal %d: %d bytes, not \"%s\" (%.*s)", i, n, text, n < 0 ? 0 : n, buf);
}

static void empty(int i)
{
	char buf[16];

	CHECK(read(s[i], buf, sizeof(buf)) == -1 && errno == EAGAIN, "terminal %d: there is more", i);
}

static void said(int i, const char *text)
{
	char buf[256];
	int n = 0, r;

	while (n < (int)sizeof(buf) && (r = read(m[i], buf + n, sizeof(buf) - n)) > 0)
		n += r;
	CHECK(n == (int)strlen(text) && !memcmp(buf, text, n), "master %d: %d bytes: %.*s", i, n, n, buf);
}

int main(void)
{
	struct termios t;
	char name[64];
	int n;

	wl_init();
	for (int i = 0; i < 6; i++) {
		m[i] = SYS(posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK));
		SYS(unlockpt(m[i]));
		SYS(ptsname_r(m[i], name, sizeof(name)));
		s[i] = SYS(open(name, O_RDWR | O_NOCTTY | O_NONBLOCK));
		if (i != 3) {
			SYS(tcgetattr(s[i], &t));
			t.c_lflag &= ~ECHO;
			SYS(tcsetattr(s[i], TCSANOW, &t));
		}
	}
	type(0, "one\rtwo\nthr");
	type(1, "\004abc\004");
	type(2, "a\026\003b\n");
	/* with echo, and cooked output */
	type(3, "hi\n");
	wl_sleep_ms(50);
	SYS(write(s[3], "out\n", 4));
	/* typed raw */
	SYS(tcgetattr(s[4], &t));
	t.c_lflag &= ~ICANON;
	SYS(tcsetattr(s[4], TCSANOW, &t));
	type(4, "x\ny\nz");
	wl_sleep_ms(50);
	t.c_lflag |= ICANON;
	SYS(tcsetattr(s[4], TCSANOW, &t));
	/* last words */
	SYS(write(s[5], "bye\n", 4));
	SYS(close(s[5]));
	wl_sleep_ms(50);
	SYS(ioctl(s[0], FIONREAD, &n));
	CHECK(n == 8, "setup: %d bytes", n);
	SYS(ioctl(s[4], FIONREAD, &n));
	CHECK(n == 5, "setup: %d bytes", n);
	wl_ready();
	wl_wait();
	SYS(ioctl(s[0], FIONREAD, &n));
	CHECK(n == 8, "%d bytes can be read", n);
	SYS(ioctl(s[1], FIONREAD, &n));
	CHECK(n == 3, "%d bytes before the end of file", n);
	reads(0, "one\n");
	reads(0, "two\n");
	empty(0);
	type(0, "ee\177e\n");
	wl_sleep_ms(50);
	reads(0, "three\n");
	empty(0);
	reads(1, "");
	reads(1, "abc");
	empty(1);
	reads(2, "a\003b\n");
	empty(2);
	reads(3, "hi\n");
	said(3, "hi\r\nout\r\n");
	reads(4, "x\ny\nz");
	empty(4);
	said(0, "");
	said(5, "bye\r\n");
	CHECK(read(m[5], name, 1) == -1 && errno == EIO, "the slave of the last terminal is there again");
	wl_ok();
}
