/*
 * Processes with settings of memory that is to come: NUMA policies of threads and of mappings, mlockall(MCL_FUTURE) with and
 * without MCL_ONFAULT. SIGUSR1 makes them compare; then "ok" or the differences are written.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE 4096
#define NODES 1024
/* linux/mempolicy.h */
enum { DEFAULT, PREFERRED, BIND, INTERLEAVE, LOCAL };
#define F_ADDR 2
#define F_STATIC_NODES (1 << 15)

static int failed, no_policies;
static const char *who = "parent";

static void wrong(const char *what, long is, long wanted)
{
	if (is == wanted)
		return;
	printf("%s: %s: %ld, not %ld\n", who, what, is, wanted);
	failed = 1;
}

static void policy(const char *what, void *at, int wanted, unsigned long nodes)
{
	unsigned long mask[NODES / 64] = {0};
	int mode = -1;

	if (no_policies)
		return;
	if (syscall(SYS_get_mempolicy, &mode, mask, NODES + 1, at, at ? F_ADDR : 0))
		perror("get_mempolicy");
	wrong(what, mode, wanted);
	wrong(what, mask[0], nodes);
}

static char *map(size_t size)
{
	return mmap(0, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

/* Whether a new mapping is locked, and there at once. */
static void locks(int locked, int there)
{
	char *page = map(PAGE), line[512];
	unsigned long from, to;
	unsigned char seen = 0;
	int inside = 0, is = 0;
	FILE *smaps = fopen("/proc/self/smaps", "r");

	mincore(page, PAGE, &seen);
	while (smaps && fgets(line, sizeof(line), smaps)) {
		if (sscanf(line, "%lx-%lx ", &from, &to) == 2)
			inside = from <= (unsigned long)page && (unsigned long)page < to;
		else if (inside && !strncmp(line, "VmFlags:", 8))
			is = strstr(line, " lo") != 0;
	}
	if (smaps)
		fclose(smaps);
	wrong("new memory is locked", is, locked);
	wrong("new memory is there", seen & 1, there);
}

static volatile int asked, answered;

static void *other(void *arg)
{
	unsigned long one = 1;

	syscall(SYS_set_mempolicy, INTERLEAVE | F_STATIC_NODES, &one, 64);
	asked = 1;
	while (asked != 2)
		usleep(1000);
	policy("policy of the other thread", 0, INTERLEAVE | F_STATIC_NODES, 1);
	answered = 1;
	return arg;
}

int main(void)
{
	unsigned long one = 1;
	char *preferred, *bound, *local, *plain, *shared;
	pthread_t thread;
	sigset_t set;
	int signal, status;
	pid_t child;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, 0);
	no_policies = syscall(SYS_get_mempolicy, 0, 0, 0, 0, 0) != 0;
	preferred = map(4 * PAGE);
	bound = preferred + PAGE;
	local = preferred + 2 * PAGE;
	plain = map(PAGE);
	shared = mmap(0, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	preferred[0] = shared[0] = 1;
	if (!no_policies) {
		syscall(SYS_mbind, preferred, PAGE, PREFERRED, &one, 64, 0);
		syscall(SYS_mbind, bound, PAGE, BIND, &one, 64, 0);
		syscall(SYS_mbind, local, PAGE, LOCAL, 0, 0, 0);
		syscall(SYS_mbind, shared, PAGE, BIND, &one, 64, 0);
		syscall(SYS_set_mempolicy, BIND, &one, 64);
	}
	child = fork();
	mlockall(MCL_FUTURE | (child ? 0 : MCL_ONFAULT));
	if (!child) {
		who = "child";
		sigwait(&set, &signal);
		locks(1, 0);
		policy("its policy", 0, BIND, 1);
		policy("its mapping", preferred, PREFERRED, 1);
		fflush(stdout);
		_exit(failed);
	}
	pthread_create(&thread, 0, other, 0);
	while (!asked)
		usleep(1000);
	printf("ready\n");
	fflush(stdout);
	sigwait(&set, &signal);
	asked = 2;
	pthread_join(thread, 0);
	wrong("the other thread", answered, 1);
	locks(1, 1);
	policy("policy of the thread", 0, BIND, 1);
	policy("a preferred node", preferred, PREFERRED, 1);
	policy("a bound page", bound, BIND, 1);
	policy("a local page", local, LOCAL, 0);
	policy("a plain page", plain, DEFAULT, 0);
	policy("a shared page", shared, BIND, 1);
	kill(child, SIGUSR1);
	wrong("the child", waitpid(child, &status, 0) == child && WIFEXITED(status) ? WEXITSTATUS(status) : -1, 0);
	if (!failed)
		printf("ok\n");
	return failed;
}
