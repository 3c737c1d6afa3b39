/*
 * Holds memory, mappings, descriptors or children and ticks: heartbeat MIB [VMAS [FDS [CHILDREN]]].
 * A thread of its own ticks every 100 us and keeps the longest gap between two ticks: the pause as the process itself
 * sees it. SIGUSR1 makes it write that gap in microseconds, which then starts anew.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <pthread.h>

static volatile long longest;

static long now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static void *tick(void *arg)
{
	long last = now();

	(void)arg;
	for (;;) {
		struct timespec pause = {0, 100000};
		long at;

		nanosleep(&pause, 0);
		at = now();
		if (at - last > longest)
			longest = at - last;
		last = at;
	}
	return 0;
}

int main(int argc, char **argv)
{
	size_t bytes = (size_t)(argc > 1 ? atol(argv[1]) : 1) << 20;
	int vmas = argc > 2 ? atoi(argv[2]) : 0;
	int fds = argc > 3 ? atoi(argv[3]) : 0;
	int children = argc > 4 ? atoi(argv[4]) : 0;
	char line[64];
	pthread_t thread;
	sigset_t set;
	char *memory;
	int i;

	if (bytes) {
		memory = mmap(0, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		madvise(memory, bytes, MADV_NOHUGEPAGE);
		for (size_t at = 0; at < bytes; at += 4096)
			memset(memory + at, (int)(at >> 12) | 1, 4096);
	}
	for (i = 0; i < vmas; i++)
		mmap(0, 4096, i & 1 ? PROT_READ : PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	for (i = 0; i < fds; i++)
		open("/etc/passwd", O_RDONLY);
	for (i = 0; i < children; i++)
		if (fork() == 0)
			for (;;)
				pause();
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, 0);
	pthread_create(&thread, 0, tick, 0);
	if (write(1, "ready\n", 6) < 0)
		return 1;
	for (;;) {
		int signal;

		if (sigwait(&set, &signal))
			continue;
		snprintf(line, sizeof(line), "%ld\n", longest);
		longest = 0;
		if (write(1, line, strlen(line)) < 0)
			return 1;
	}
}
