/*
 * A process with eight threads that count, each with the number that it was given. SIGUSR1 makes it look at them: "ok" when
 * all go on under their numbers, else what is wrong.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

#define THREADS 8

static volatile int tids[THREADS];
static volatile unsigned counters[THREADS];

static void *count(void *at)
{
	long i = (long)at;

	tids[i] = syscall(SYS_gettid);
	for (;; usleep(1000))
		if (syscall(SYS_gettid) == tids[i])
			counters[i]++;
	return 0;
}

int main(void)
{
	unsigned before[THREADS];
	pthread_t thread;
	sigset_t set;
	int signal, failed = 0;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, 0);
	for (long i = 0; i < THREADS; i++)
		pthread_create(&thread, 0, count, (void *)i);
	for (int i = 0; i < THREADS; i++)
		while (!counters[i])
			usleep(1000);
	printf("ready\n");
	fflush(stdout);
	sigwait(&set, &signal);
	for (int i = 0; i < THREADS; i++)
		before[i] = counters[i];
	for (int i = 0; i < THREADS; i++) {
		for (int tries = 0; counters[i] == before[i] && tries < 2000; tries++)
			usleep(1000);
		if (counters[i] == before[i]) {
			printf("thread %d stands still\n", tids[i]);
			failed = 1;
		}
	}
	if (!failed)
		printf("ok\n");
	return failed;
}
