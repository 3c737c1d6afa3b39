/*
 * A process to rehearse a dump on (src/dump/rehearse.ts): like most processes it has a libc, two threads and a few
 * descriptors, and sleeps. It ends with crit.
 */
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

/* What crit hands over: a pidfd of its own. */
#define CRIT 3

static void *sleep_on(void *arg)
{
	for (;;)
		nanosleep(&(struct timespec){3600, 0}, 0);
	return arg;
}

int main(void)
{
	struct pollfd crit = {CRIT, POLLIN, 0};
	pthread_t thread;
	int ends[2];

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	setsid();
	free(malloc(1 << 16));
	if (pthread_create(&thread, 0, sleep_on, 0) || open("/proc/self/exe", O_RDONLY) < 0)
		return 1;
	/* It may have died before it could be said that we are to die with it. */
	if (poll(&crit, 1, 0) != 0)
		return 1;
	close(CRIT);
	/* The last descriptor says that all is set up. */
	if (pipe(ends))
		return 1;
	sleep_on(0);
	return 0;
}
