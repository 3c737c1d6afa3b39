/*
 * State: slaves of a terminal that were opened with TIOCGPTPEER, with and without O_CLOEXEC; descriptors of each, closed
 * on exec and not; in a child too.
 * Verify: what fcntl(F_GETFD) and fcntl(F_GETFL) tell.
 */
#include "wl.h"
#include <sys/ioctl.h>

static int fd[6], fdflags[6], flags[6];

static void look(int d[6], int f[6])
{
	for (int i = 0; i < 6; i++) {
		d[i] = SYS(fcntl(fd[i], F_GETFD));
		f[i] = SYS(fcntl(fd[i], F_GETFL));
	}
}

static void verify(void)
{
	int d[6], f[6];

	look(d, f);
	for (int i = 0; i < 6; i++) {
		CHECK(d[i] == fdflags[i], "descriptor %d: F_GETFD is %#x, not %#x", i, d[i], fdflags[i]);
		CHECK(f[i] == flags[i], "descriptor %d: F_GETFL is %#o, not %#o", i, f[i], flags[i]);
	}
}

int main(void)
{
	struct wl_gate g;
	pid_t child;

	wl_init();
	fd[0] = SYS(posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC));
	SYS(unlockpt(fd[0]));
	fd[1] = SYS(ioctl(fd[0], TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC));
	fd[2] = SYS(dup(fd[1]));
	fd[3] = SYS(ioctl(fd[0], TIOCGPTPEER, O_RDWR | O_NOCTTY));
	fd[4] = SYS(fcntl(fd[3], F_DUPFD_CLOEXEC, 0));
	fd[5] = SYS(ioctl(fd[0], TIOCGPTPEER, O_RDWR | O_NOCTTY | O_NONBLOCK));
	look(fdflags, flags);
	wl_gate_open(&g);
	if (!(child = SYS(fork()))) {
		SYS(fcntl(fd[1], F_SETFD, 0));
		fdflags[1] = 0;
		wl_gate_done(&g);
		wl_wait();
		verify();
		_exit(0);
	}
	wl_gate_wait(&g, 1);
	wl_ready();
	wl_wait();
	verify();
	wl_child_verify(child);
	wl_ok();
}
