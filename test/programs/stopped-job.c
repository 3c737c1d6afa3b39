/*
 * State: a child in a group of its own, stopped by SIGTSTP as ^Z does it; its parent has only looked at its stop.
 * Verify: the stop can be waited for, and tells SIGTSTP.
 */
#include "wl.h"

int main(void)
{
	siginfo_t info;
	pid_t job;

	wl_init();
	job = SYS(fork());
	if (!job)
		for (;;)
			pause();
	SYS(setpgid(job, job));
	SYS(kill(job, SIGTSTP));
	SYS(waitid(P_PID, job, &info, WSTOPPED | WNOWAIT));
	CHECK(info.si_status == SIGTSTP, "setup: status %d", info.si_status);
	wl_ready();
	wl_wait();
	info.si_status = 0;
	SYS(waitid(P_PID, job, &info, WSTOPPED | WNOWAIT | WNOHANG));
	CHECK(info.si_status == SIGTSTP, "status %d", info.si_status);
	SYS(kill(job, SIGKILL));
	SYS(waitpid(job, 0, 0));
	wl_ok();
}
