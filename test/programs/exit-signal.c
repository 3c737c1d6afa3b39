/*
 * State: a child that ends with SIGUSR2 instead of SIGCHLD.
 * Verify: its end sends SIGUSR2 with its pid, and only __WCLONE waits for it.
 */
#include "wl.h"

int main(void)
{
	struct timespec moment = { 5, 0 };
	siginfo_t info;
	sigset_t set;
	pid_t kid;

	wl_init();
	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	sigprocmask(SIG_BLOCK, &set, 0);
	kid = SYS(syscall(SYS_clone, SIGUSR2, 0, 0, 0, 0));
	if (!kid)
		for (;;)
			pause();
	wl_ready();
	wl_wait();
	SYS(kill(kid, SIGKILL));
	CHECK(sigtimedwait(&set, &info, &moment) == SIGUSR2, "signal: %s", strerror(errno));
	CHECK(info.si_pid == kid, "from %d", info.si_pid);
	CHECK(waitpid(kid, 0, 0) < 0 && errno == ECHILD, "waited for without __WCLONE");
	CHECK(waitpid(kid, 0, __WCLONE) == kid, "not a child any more");
	wl_ok();
}
