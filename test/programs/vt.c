/*
 * State: two virtual consoles that only this tree has open (they forget their settings when nobody has), one of them twice;
 * the second is the controlling terminal of a session with a group in its foreground, which has /dev/tty open.
 * Verify: settings, flags, devices; session, group, /dev/tty; what is written arrives (it cannot be read back).
 */
#include "wl.h"
#include <sys/ioctl.h>
#include <termios.h>

static int first[2], second;

static int console(const char *name, int flags)
{
	int fd = open(name, flags | O_NOCTTY);
	struct winsize ws;

	CHECK(fd >= 0, "setup: %s: %s", name, strerror(errno));
	CHECK(!ioctl(fd, TIOCGWINSZ, &ws), "setup: %s is no console: %s", name, strerror(errno));
	return fd;
}

static void look(int fd, struct termios *t, struct stat *st, int *flags)
{
	SYS(tcgetattr(fd, t));
	SYS(fstat(fd, st));
	*flags = SYS(fcntl(fd, F_GETFL));
}

static void set(int fd, char intr)
{
	struct termios t;

	SYS(tcgetattr(fd, &t));
	t.c_lflag &= ~(ECHO | ICANON);
	t.c_cc[VINTR] = intr;
	t.c_cc[VMIN] = 7;
	SYS(tcsetattr(fd, TCSANOW, &t));
}

static void same(int fd, const struct termios *t, const struct stat *st, int flags)
{
	struct termios t2;
	struct stat st2;
	int flags2;

	look(fd, &t2, &st2, &flags2);
	CHECK(!memcmp(t, &t2, sizeof(t2)), "descriptor %d: settings", fd);
	CHECK(st->st_rdev == st2.st_rdev && st->st_ino == st2.st_ino, "descriptor %d: device", fd);
	CHECK(flags == flags2, "descriptor %d: flags are %#o, not %#o", fd, flags2, flags);
}

int main(void)
{
	struct termios t[4];
	struct stat st[4];
	int flags[4];
	struct wl_gate g;
	pid_t lead;

	wl_init();
	first[0] = console("/dev/tty61", O_RDWR);
	first[1] = console("/dev/tty61", O_WRONLY | O_NONBLOCK);
	second = console("/dev/tty62", O_RDONLY);
	set(first[0], 'q');
	set(second, 'w');
	wl_gate_open(&g);
	if (!(lead = SYS(fork()))) {
		int own, tty;
		pid_t fg;

		SYS(setsid());
		own = console("/dev/tty62", O_RDWR);
		SYS(ioctl(own, TIOCSCTTY, 0));
		tty = SYS(open("/dev/tty", O_RDWR));
		signal(SIGTTOU, SIG_IGN);
		if (!(fg = SYS(fork()))) {
			setpgid(0, 0);
			SYS(tcsetpgrp(own, getpid()));
			wl_gate_done(&g);
			wl_wait();
			CHECK(tcgetpgrp(tty) == getpid() && tcgetsid(tty) == getsid(0), "group or session");
			_exit(0);
		}
		look(tty, &t[3], &st[3], &flags[3]);
		wl_gate_done(&g);
		wl_wait();
		same(tty, &t[3], &st[3], flags[3]);
		CHECK(tcgetsid(own) == getpid() && getsid(0) == getpid(), "the session of the console is %d", tcgetsid(own));
		CHECK(tcgetpgrp(own) == fg, "its foreground group is %d, not %d", tcgetpgrp(own), fg);
		wl_child_verify(fg);
		_exit(0);
	}
	wl_gate_wait(&g, 2);
	for (int i = 0; i < 3; i++)
		look(i < 2 ? first[i] : second, &t[i], &st[i], &flags[i]);
	wl_ready();
	wl_wait();
	for (int i = 0; i < 3; i++)
		same(i < 2 ? first[i] : second, &t[i], &st[i], flags[i]);
	CHECK(tcgetsid(first[0]) == -1, "the first console has a session");
	SYS(write(first[1], "through\r\n", 9));
	wl_child_verify(lead);
	wl_ok();
}
