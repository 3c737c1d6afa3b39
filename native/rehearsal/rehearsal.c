/*
 * A process to rehearse a dump on (src/dump/rehearse.ts): like most processes it has a libc, two threads and a few
 * descriptors, and sleeps. It ends with crit.
 */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

/* What crit hands over: a pidfd of its own, which tells its pid. */
#define CRIT 3

/* pidfd_open(2): fdinfo has a line "Pid:". */
static int crit_pid(void)
{
	FILE *info = fopen("/proc/self/fdinfo/3", "r");
	char line[128];
	int pid = 0;

	while (info && fgets(line, sizeof(line), info))
		sscanf(line, "Pid: %d", &pid);
	if (info)
		fclose(info);
	return pid;
}

static void *sleep_on(void *arg)
{
	for (;;)
		nanosleep(&(struct timespec){3600, 0}, 0);
	return arg;
}

int main(void)
{
	pthread_t thread;
	int ends[2];

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	/*
	 * It may have died before it could be said that we are to die with it; a pidfd tells of that only when its last
	 * thread has ended. As long as it is our parent, the signal is to come.
	 */
	if (getppid() != crit_pid())
		return 1;
	setsid();
	free(malloc(1 << 16));
	if (pthread_create(&thread, 0, sleep_on, 0) || open("/proc/self/exe", O_RDONLY) < 0)
		return 1;
	close(CRIT);
	/* The last descriptor says that all is set up. */
	if (pipe(ends))
		return 1;
	sleep_on(0);
	return 0;
}
