/*
 * State: a pipe whose signal (F_SETSIG, O_ASYNC) tells its descriptor.
 * Verify: writing to it sends that signal, with the descriptor.
 */
#include "wl.h"

int main(void)
{
	struct timespec moment = { 5, 0 };
	siginfo_t info;
	sigset_t set;
	int p[2];

	wl_init();
	sigemptyset(&set);
	sigaddset(&set, SIGRTMIN + 2);
	sigprocmask(SIG_BLOCK, &set, 0);
	SYS(pipe(p));
	SYS(fcntl(p[0], F_SETSIG, SIGRTMIN + 2));
	SYS(fcntl(p[0], F_SETOWN, getpid()));
	SYS(fcntl(p[0], F_SETFL, O_ASYNC | O_NONBLOCK));
	wl_ready();
	wl_wait();
	SYS(write(p[1], "x", 1));
	CHECK(sigtimedwait(&set, &info, &moment) == SIGRTMIN + 2, "no signal: %s", strerror(errno));
	CHECK(info.si_fd == p[0], "descriptor %d", info.si_fd);
	wl_ok();
}
