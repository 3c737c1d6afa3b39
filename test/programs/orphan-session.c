/*
 * State: a child subreaper with a zombie that led a session, and an adopted child that is still in that session.
 * Verify: the session of the adopted child, that it is a child, and the status of the zombie.
 */
#include "wl.h"
#include <sys/prctl.h>

int main(void)
{
	pid_t leader, orphan;
	siginfo_t info;
	int p[2], st;

	wl_init();
	SYS(prctl(PR_SET_CHILD_SUBREAPER, 1));
	SYS(pipe(p));
	leader = SYS(fork());
	if (!leader) {
		SYS(setsid());
		orphan = SYS(fork());
		if (orphan) {
			SYS(write(p[1], &orphan, sizeof(orphan)));
			_exit(3);
		}
		close(p[0]);
		close(p[1]);
		for (;;)
			pause();
	}
	CHECK(read(p[0], &orphan, sizeof(orphan)) == sizeof(orphan), "setup: a child died");
	close(p[0]);
	close(p[1]);
	SYS(waitid(P_PID, leader, &info, WEXITED | WNOWAIT));
	wl_ready();
	wl_wait();
	CHECK(getsid(orphan) == leader, "session %d instead of %d", getsid(orphan), leader);
	SYS(kill(orphan, SIGKILL));
	CHECK(waitpid(orphan, 0, 0) == orphan, "the orphan is no child");
	CHECK(waitpid(leader, &st, 0) == leader && WIFEXITED(st) && WEXITSTATUS(st) == 3, "status %#x", st);
	wl_ok();
}
