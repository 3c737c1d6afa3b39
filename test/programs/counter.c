/* Counts in three threads and sleeps in system calls in between. */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static volatile unsigned long count;
static volatile int started;

static void *tick(void *arg)
{
	(void)arg;
	__sync_fetch_and_add(&started, 1);
	for (;;) {
		struct timespec pause = {0, 500000};

		count++;
		nanosleep(&pause, 0);
	}
	return 0;
}

int main(int argc, char **argv)
{
	pthread_t thread;
	char line[64];

	(void)argc;
	(void)argv;
	signal(SIGUSR1, SIG_IGN);
	pthread_create(&thread, 0, tick, 0);
	pthread_create(&thread, 0, tick, 0);
	while (started < 2) /* libc starts them with all signals blocked */
		usleep(1000);
	snprintf(line, sizeof(line), "ready %d\n", getpid());
	if (write(1, line, strlen(line)) < 0)
		return 1;
	tick(0);
}
