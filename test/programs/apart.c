/*
 * What is not the same in all of a tree: a thread with a personality of its own, a zombie of another user, memory with
 * advice that a forked child does not have, memory locked on fault of which every page is there, a stack inside a stack with
 * something below it, and a subreaper with a child whose memory is large. SIGUSR1 makes it compare; then "ok" or the
 * differences are written.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE 4096UL
#define LARGE (8UL << 20)
#define BELOW 65536
#define INNER 1024

static int failed;
static volatile int told;
static char *advised, *locked, *large;
static char text[4096];

/* the VmFlags of the mapping that begins at an address */
static const char *flags_of(int pid, const void *address)
{
	char path[64], head[32], *line = 0;
	size_t room = 0;
	int here = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/smaps", pid);
	snprintf(head, sizeof(head), "%lx-", (unsigned long)address);
	text[0] = 0;
	file = fopen(path, "r");
	while (file && getline(&line, &room, file) > 0) {
		if (!strncmp(line, head, strlen(head)))
			here = 1;
		if (here && !strncmp(line, "VmFlags:", 8)) {
			snprintf(text, sizeof(text), "%s", line + 8);
			break;
		}
	}
	if (file)
		fclose(file);
	free(line);
	return text;
}

static void wants(const char *what, int is, int wanted)
{
	if (is == wanted)
		return;
	failed = 1;
	printf("FAIL: %s: %d instead of %d\n", what, is, wanted);
}

static void *other(void *arg)
{
	personality(ADDR_NO_RANDOMIZE);
	told = 1;
	while (told != 2)
		usleep(10000);
	wants("personality of the thread", personality(0xffffffff), ADDR_NO_RANDOMIZE);
	told = 3;
	return arg;
}

/* waits for SIGUSR1 on a stack that lies in the middle of the main stack */
static void on_inner_stack(void *arg)
{
	while (syscall(SYS_rt_sigtimedwait, arg, 0, 0, 8) != SIGUSR1)
		;
}

static void __attribute__((noinline)) wait_inside(sigset_t *set)
{
	static char pattern[BELOW];
	char room[BELOW + INNER];
	void *top = (void *)(((unsigned long)room + sizeof(room)) & ~15UL);

	memset(pattern, 'b', sizeof(pattern));
	memset(room, 'b', BELOW);
	printf("ready\n");
	fflush(stdout);
	__asm__ volatile("mov %%rsp, %%rbx\n\tmov %0, %%rsp\n\tcall *%1\n\tmov %%rbx, %%rsp"
			 : : "r"(top), "r"(on_inner_stack), "D"(set)
			 : "rbx", "rax", "rcx", "rdx", "rsi", "r8", "r9", "r10", "r11", "memory", "cc");
	/* what the waiting itself has used of the inner stack is above */
	wants("what lies below the inner stack", memcmp(room, pattern, BELOW), 0);
}

int main(void)
{
	static const int ADVICE[] = {MADV_RANDOM, MADV_SEQUENTIAL, MADV_MERGEABLE, MADV_DONTDUMP, MADV_HUGEPAGE};
	static const char *const FLAG[] = {" rr", " sr", " mg", " dd", " hg"};
	enum { N = sizeof(ADVICE) / sizeof(*ADVICE) };
	char children[256] = "", later[256] = "", path[64];
	pthread_t thread;
	siginfo_t info;
	sigset_t set;
	int child, zombie, i, has[N], child_has[N];
	FILE *file;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, 0);
	prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);

	large = mmap(0, LARGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	advised = mmap(0, 2 * N * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	for (unsigned long at = 0; at < LARGE; at += 8)
		*(unsigned long *)(large + at) = at + 1;
	for (i = 0; i < N; i++) {
		/* mappings that stay apart */
		advised[2 * i * PAGE] = 1;
		mprotect(advised + (2 * i + 1) * PAGE, PAGE, PROT_NONE);
	}

	child = fork();
	if (!child)
		for (;;)
			pause();
	for (i = 0; i < N; i++)
		madvise(advised + 2 * i * PAGE, PAGE, ADVICE[i]);
	zombie = fork();
	if (!zombie) {
		if (setgid(1001) || setuid(1000))
			_exit(1);
		_exit(5);
	}
	waitid(P_PID, zombie, &info, WEXITED | WNOWAIT);

	locked = mmap(0, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (syscall(SYS_mlock2, locked, PAGE, 1))
		perror("mlock2");
	locked[0] = 1;

	pthread_create(&thread, 0, other, 0);
	while (!told)
		usleep(1000);
	for (i = 0; i < N; i++) {
		has[i] = strstr(flags_of(getpid(), advised + 2 * i * PAGE), FLAG[i]) != 0;
		child_has[i] = strstr(flags_of(child, advised + 2 * i * PAGE), FLAG[i]) != 0;
	}
	snprintf(path, sizeof(path), "/proc/self/task/%d/children", getpid());
	file = fopen(path, "r");
	if (file && !fgets(children, sizeof(children), file))
		children[0] = 0;
	fclose(file);

	wait_inside(&set);

	for (i = 0; i < N; i++) {
		wants(FLAG[i], strstr(flags_of(getpid(), advised + 2 * i * PAGE), FLAG[i]) != 0, has[i]);
		wants("the child's", strstr(flags_of(child, advised + 2 * i * PAGE), FLAG[i]) != 0, child_has[i]);
	}
	wants("locked on fault", strstr(flags_of(getpid(), locked), " lf") != 0, 1);
	for (unsigned long at = 0; at < LARGE; at += 8)
		if (*(unsigned long *)(large + at) != at + 1) {
			wants("the large memory", 0, 1);
			break;
		}
	file = fopen(path, "r");
	if (file && !fgets(later, sizeof(later), file))
		later[0] = 0;
	fclose(file);
	if (strcmp(children, later)) {
		failed = 1;
		printf("FAIL: the children were %s, are %s\n", children, later);
	}
	told = 2;
	while (told != 3)
		usleep(1000);
	memset(&info, 0, sizeof(info));
	waitid(P_PID, zombie, &info, WEXITED);
	wants("user of the zombie", info.si_uid, 1000);
	wants("status of the zombie", info.si_status, 5);
	kill(child, SIGKILL);
	waitpid(child, 0, 0);
	if (!failed)
		printf("ok\n");
	return failed;
}
