/*
 * A process whose user does not want to be dumped in peace: while crit works in it, another process of the same user
 * writes all over the memory that crit shares with it.
 *
 *   scribble HOW WHAT TARGET MIB
 *     HOW     mem: a parent outside of the tree, through /proc/PID/mem
 *             vm:  a process outside of the tree that shares the memory itself (CLONE_VM), also what it may make writable
 *             code: as mem, but only where code is: what it can write there it fills with endless loops
 *     WHAT    random: any word, any value; or the offset of the one word that is written, into each page
 *     TARGET  a pid that must not be touched: it is among the values
 *     MIB     memory of the victim
 *
 * Prints "ready PID". The victim checks its own memory and counts; SIGUSR1 to it prints "ok COUNT".
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <grp.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#define SECONDS 3600

static uint32_t target;
static uint64_t seed = 88172645463325252ull;
static volatile int asked;
static char *memory;
static size_t bytes;

static uint64_t any(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	return seed ^= seed << 17;
}

static uint32_t value(void)
{
	switch (any() % 8) {
	case 0:
		return 0;
	case 1:
		return any() % 16;
	case 2:
		return target;
	case 3:
		return 0xffffffffu - any() % 64;
	case 4:
		return 0x40000000u | getpid();
	case 5:
		return any() % 2048;
	default:
		return any();
	}
}

static void on_signal(int signal)
{
	(void)signal;
	asked = 1;
}

static void *second(void *arg)
{
	for (;;)
		usleep(1000);
	return arg;
}

static int victim(void *arg)
{
	unsigned long count = 0;
	pthread_t thread;

	(void)arg;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	signal(SIGUSR1, on_signal);
	pthread_create(&thread, 0, second, 0);
	for (;; count++) {
		size_t at = any() % bytes;

		if (memory[at] != (char)(at * 7)) {
			printf("memory differs at %zu\n", at);
			fflush(stdout);
			_exit(1);
		}
		if (asked) {
			asked = 0;
			printf("ok %lu\n", count);
			fflush(stdout);
		}
		usleep(200);
	}
}

struct area {
	unsigned long start, end;
	char prot[5];
};

/* Anonymous shared memory that the victim did not make itself. */
static int areas(pid_t pid, struct area *found, int max)
{
	char path[64], line[512];
	FILE *maps;
	int n = 0;

	snprintf(path, sizeof(path), "/proc/%d/maps", pid);
	maps = fopen(path, "r");
	while (maps && n < max && fgets(line, sizeof(line), maps))
		if (strstr(line, "/dev/zero (deleted)") &&
		    sscanf(line, "%lx-%lx %4s", &found[n].start, &found[n].end, found[n].prot) == 3)
			n++;
	if (maps)
		fclose(maps);
	return n;
}

static void through_mem(pid_t pid, const char *what, int code)
{
	static unsigned char loop[4096];
	char path[64];
	int mem;
	size_t i;

	for (i = 0; i < sizeof(loop); i += 2) {
		loop[i] = 0xeb;
		loop[i + 1] = 0xfe;
	}
	snprintf(path, sizeof(path), "/proc/%d/mem", pid);
	mem = open(path, O_RDWR);
	while (kill(pid, 0) == 0) {
		struct area found[8];
		int n = areas(pid, found, 8), k;

		for (k = 0; k < n; k++) {
			unsigned long at;

			if (code) {
				if (found[k].prot[2] == 'x')
					pwrite(mem, loop, sizeof(loop), found[k].start);
				continue;
			}
			if (strcmp(what, "random") == 0) {
				for (i = 0; i < 200; i++) {
					uint32_t v = value();

					at = found[k].start + any() % (found[k].end - found[k].start) / 4 * 4;
					pwrite(mem, &v, sizeof(v), at);
				}
				continue;
			}
			for (at = found[k].start + strtoul(what, 0, 0); at + 4 <= found[k].end; at += 4096) {
				uint32_t v = value();

				pwrite(mem, &v, sizeof(v), at);
				if (at > found[k].start + (16 << 12))
					break;
			}
		}
	}
}

static pid_t shared_victim;

/* Shares the victim's memory: a fault of its own ends it alone, so it only writes what is writable. */
static int sharing(void *arg)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	(void)arg;
	for (;;) {
		struct area found[8];
		int n = areas(shared_victim, found, 8), k, i;

		for (k = 0; k < n; k++)
			for (i = 0; i < 200; i++) {
				uint32_t v = value();
				unsigned long at = found[k].start + any() % (found[k].end - found[k].start) / 4 * 4;
				struct iovec local = {&v, sizeof(v)}, remote = {(void *)at, sizeof(v)};

				/* not by a store: the area goes away at any moment */
				process_vm_writev(shared_victim, &local, 1, &remote, 1, 0);
			}
	}
	return 0;
}

int main(int argc, char **argv)
{
	size_t i;
	pid_t pid;

	if (argc < 5)
		return 2;
	target = strtoul(argv[3], 0, 0);
	bytes = strtoul(argv[4], 0, 0) << 20;
	memory = mmap(0, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED)
		return 2;
	for (i = 0; i < bytes; i++)
		memory[i] = i * 7;
	if (getuid() == 0 && (setgroups(0, 0) || setgid(65534) || setuid(65534)))
		return 2;
	prctl(PR_SET_DUMPABLE, 1);
	alarm(SECONDS);
	pid = fork();
	if (pid == 0) {
		setsid();
		if (strcmp(argv[1], "vm") == 0) {
			char *stack = mmap(0, 1 << 16, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

			shared_victim = getpid();
			clone(sharing, stack + (1 << 16), CLONE_VM | CLONE_PARENT | SIGCHLD, 0);
		}
		victim(0);
	}
	printf("ready %d\n", pid);
	fflush(stdout);
	if (strcmp(argv[1], "vm"))
		through_mem(pid, argv[2], strcmp(argv[1], "code") == 0);
	wait(0);
	return 0;
}
