/*
 * A process that is to get SIGTERM when its parent ends, with a child that is to get SIGUSR2 when this one ends. SIGUSR1 makes
 * it look whether that still holds: "ok", or what is wrong. SIGUSR1 again makes it end, which its child then says.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <unistd.h>

int main(void)
{
	int signal, due = 0;
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGUSR2);
	sigprocmask(SIG_BLOCK, &set, 0);
	if (!fork()) {
		prctl(PR_SET_PDEATHSIG, SIGUSR2);
		sigwait(&set, &signal);
		printf("the child got %s\n", signal == SIGUSR2 ? "SIGUSR2" : "another signal");
		return 0;
	}
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	printf("ready\n");
	fflush(stdout);
	sigwait(&set, &signal);
	prctl(PR_GET_PDEATHSIG, &due);
	printf(due == SIGTERM ? "ok\n" : "the signal is %d\n", due);
	fflush(stdout);
	sigwait(&set, &signal);
	return 0;
}
