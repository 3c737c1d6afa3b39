/*
 * State: a stopped child with a SIGTERM pending.
 * Verify: it is stopped, the signal is pending, and ends the child when it goes on.
 */
#include "wl.h"

int main(void)
{
	char path[64], value[64] = "";
	siginfo_t info;
	pid_t kid;
	int st;

	wl_init();
	kid = SYS(fork());
	if (!kid)
		for (;;)
			pause();
	SYS(kill(kid, SIGSTOP));
	SYS(waitid(P_PID, kid, &info, WSTOPPED | WNOWAIT));
	SYS(kill(kid, SIGTERM));
	wl_ready();
	wl_wait();
	snprintf(path, sizeof(path), "/proc/%d/status", kid);
	wl_proc_field(path, "State", value, sizeof(value));
	CHECK(value[0] == 'T', "state %s", value);
	wl_proc_field(path, "ShdPnd", value, sizeof(value));
	CHECK(strtoull(value, 0, 16) == 1ULL << (SIGTERM - 1), "pending %s", value);
	SYS(kill(kid, SIGCONT));
	CHECK(waitpid(kid, &st, 0) == kid && WIFSIGNALED(st) && WTERMSIG(st) == SIGTERM, "status %#x", st);
	wl_ok();
}
