/*
 * State: a process and two threads, each with attributes of its own: ids, groups, capabilities, securebits, signal mask,
 * alternative stack, name, timer slack, affinity, scheduling policy, I/O priority, personality; signals pending for a thread;
 * of the process oom_score_adj, coredump_filter, subreaper, machine check policy, membarrier registrations.
 * Verify: what /proc and system calls tell of each thread.
 */
#include "wl.h"
#include <linux/capability.h>
#include <linux/membarrier.h>
#include <linux/securebits.h>
#include <pthread.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#ifndef SS_AUTODISARM
#define SS_AUTODISARM (1U << 31)
#endif
#define SIZE 16384

static char before[3][SIZE], after[3][SIZE];
static volatile int up, ready, look, looked;
static pid_t tids[3];
static char altstack[2][65536];

static void add(char *to, const char *format, ...)
{
	size_t n = strlen(to);
	va_list args;

	va_start(args, format);
	vsnprintf(to + n, SIZE - n, format, args);
	va_end(args);
}

static void add_file(char *to, const char *name, const char *wanted)
{
	char path[64], text[8192], *line, *save;
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/thread-self/%s", name);
	fd = open(path, O_RDONLY);
	if (fd < 0) {
		snprintf(path, sizeof(path), "/proc/%d/%s", (int)syscall(SYS_gettid), name);
		fd = open(path, O_RDONLY);
	}
	n = fd < 0 ? 0 : read(fd, text, sizeof(text) - 1);
	close(fd);
	text[n > 0 ? n : 0] = 0;
	if (!wanted) {
		add(to, "%s: %s\n", name, text);
		return;
	}
	for (line = strtok_r(text, "\n", &save); line; line = strtok_r(0, "\n", &save)) {
		char key[64];

		snprintf(key, sizeof(key), ",%.*s,", (int)strcspn(line, ":"), line);
		if (strstr(wanted, key))
			add(to, "%s\n", line);
	}
}

static void snap(char *to)
{
	unsigned char name[16] = { 0 };
	struct sched_attr_ { unsigned size, policy; unsigned long flags; int nice; unsigned prio; unsigned long r, d, p; } attr = { 0 };
	struct { void *head; size_t len; } robust = { 0, 0 };
	void *tidptr = 0;
	stack_t alt;
	int v, i;

	add_file(to, "status", ",Uid,Gid,Groups,CapInh,CapPrm,CapEff,CapBnd,CapAmb,NoNewPrivs,SigBlk,SigPnd,ShdPnd,SigIgn,SigCgt,Cpus_allowed,THP_enabled,");
	add_file(to, "personality", 0);
	add_file(to, "timerslack_ns", 0);
	add_file(to, "oom_score_adj", 0);
	add_file(to, "coredump_filter", 0);
	add_file(to, "limits", 0);
	prctl(PR_GET_NAME, name);
	for (i = 0; i < 16; i++)
		add(to, "%02x", name[i]);
	syscall(SYS_sched_getattr, 0, &attr, 48, 0);
	add(to, "\nsched %u %lx %d %u %lu %lu %lu nice %ld\n", attr.policy, attr.flags, attr.nice, attr.prio, attr.r, attr.d, attr.p,
	    syscall(SYS_getpriority, 0, 0));
	add(to, "ioprio %ld securebits %d\n", syscall(SYS_ioprio_get, 1, 0), prctl(PR_GET_SECUREBITS));
	prctl(PR_GET_PDEATHSIG, &v);
	add(to, "pdeathsig %d dumpable %d\n", v, prctl(PR_GET_DUMPABLE));
	prctl(PR_GET_TID_ADDRESS, &tidptr);
	syscall(SYS_get_robust_list, 0, &robust.head, &robust.len);
	add(to, "tid address %p robust %p %zu\n", tidptr, robust.head, robust.len);
	syscall(SYS_sigaltstack, 0, &alt);
	add(to, "altstack %p %zu %x\n", alt.ss_sp, alt.ss_size, alt.ss_flags & ~SS_ONSTACK);
	prctl(PR_GET_TSC, &v);
	add(to, "tsc %d mce %d\n", v, prctl(PR_MCE_KILL_GET, 0, 0, 0, 0));
	add(to, "membarrier %ld\n", syscall(SYS_membarrier, 1 << 9, 0, 0));
	prctl(PR_GET_CHILD_SUBREAPER, &v);
	add(to, "subreaper %d\n", v);
}

static void compare(int i)
{
	char *b, *a, *sb, *sa;

	snap(after[i]);
	if (!strcmp(before[i], after[i]))
		return;
	b = strtok_r(before[i], "\n", &sb);
	a = strtok_r(after[i], "\n", &sa);
	while (a && b && !strcmp(a, b)) {
		a = strtok_r(0, "\n", &sa);
		b = strtok_r(0, "\n", &sb);
	}
	wl_fail("thread %d: was [%.200s], is [%.200s]", i, b ? b : "", a ? a : "");
}

static void caps(unsigned long eff, unsigned long prm, unsigned long inh)
{
	struct __user_cap_header_struct h = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct d[2] = {
		{ (unsigned)eff, (unsigned)prm, (unsigned)inh }, { (unsigned)(eff >> 32), (unsigned)(prm >> 32), (unsigned)(inh >> 32) } };

	if (syscall(SYS_capset, &h, d))
		perror("capset");
}

static void *first(void *arg)
{
	stack_t alt = { altstack[0], (int)SS_AUTODISARM, sizeof(altstack[0]) };
	sigset_t set;
	cpu_set_t cpus;
	struct timespec tick = { 0, 2000000 };

	(void)arg;
	tids[1] = syscall(SYS_gettid);
	sigfillset(&set);
	sigdelset(&set, SIGURG);
	pthread_sigmask(SIG_SETMASK, &set, 0);
	sigaltstack(&alt, 0);
	prctl(PR_SET_NAME, "a\xff\n(b) \\x");
	prctl(PR_SET_TIMERSLACK, 1);
	CPU_ZERO(&cpus);
	CPU_SET(1, &cpus);
	sched_setaffinity(0, sizeof(cpus), &cpus);
	syscall(SYS_ioprio_set, 1, 0, 3 << 13 | 0);
	sched_setscheduler(0, SCHED_FIFO | SCHED_RESET_ON_FORK, &(struct sched_param){ 3 });
	personality(ADDR_NO_RANDOMIZE);
	/* in a thread alone, which libc would not do */
	syscall(SYS_setgroups, 2, (gid_t[]){ 5, 6 });
	syscall(SYS_setresgid, 11, 12, 13);
	prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP | SECBIT_NO_SETUID_FIXUP_LOCKED);
	syscall(SYS_setresuid, 21, 22, 23);
	syscall(SYS_setfsuid, 24);
	caps(1UL << CAP_SYS_PTRACE, 1UL << CAP_SYS_PTRACE | 1UL << CAP_NET_BIND_SERVICE, 1UL << CAP_NET_BIND_SERVICE);
	prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_NET_BIND_SERVICE, 0, 0);
	prctl(PR_SET_DUMPABLE, 1);
	__sync_fetch_and_add(&up, 1);
	while (!ready)
		nanosleep(&tick, 0);
	snap(before[1]);
	__sync_fetch_and_add(&up, 1);
	while (!look)
		nanosleep(&tick, 0);
	compare(1);
	__sync_fetch_and_add(&looked, 1);
	return 0;
}

static void *second(void *arg)
{
	struct { unsigned size, policy; unsigned long flags; int nice; unsigned prio; unsigned long r, d, p; } attr = {
		48, 6, 0, 0, 0, 1000000, 10000000, 20000000 };
	stack_t alt = { altstack[1], 0, sizeof(altstack[1]) };
	struct timespec tick = { 0, 2000000 };
	sigset_t set;

	(void)arg;
	tids[2] = syscall(SYS_gettid);
	sigfillset(&set);
	pthread_sigmask(SIG_SETMASK, &set, 0);
	sigaltstack(&alt, 0);
	prctl(PR_SET_NAME, "");
	setpriority(PRIO_PROCESS, tids[2], -3);
	if (syscall(SYS_sched_setattr, 0, &attr, 0))
		sched_setscheduler(0, SCHED_BATCH, &(struct sched_param){ 0 });
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	prctl(PR_CAPBSET_DROP, CAP_SYS_TIME);
	syscall(SYS_tgkill, getpid(), tids[2], SIGRTMIN + 3);
	syscall(SYS_tgkill, getpid(), tids[2], SIGWINCH);
	__sync_fetch_and_add(&up, 1);
	while (!ready)
		nanosleep(&tick, 0);
	snap(before[2]);
	__sync_fetch_and_add(&up, 1);
	while (!look)
		nanosleep(&tick, 0);
	compare(2);
	__sync_fetch_and_add(&looked, 1);
	return 0;
}

static void same_name(const char *file, char *text)
{
	int fd = open(file, O_WRONLY);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		perror(file);
	close(fd);
}

int main(void)
{
	pthread_t threads[2];
	sigset_t set;

	wl_init();
	tids[0] = getpid();
	sigfillset(&set);
	sigprocmask(SIG_SETMASK, &set, 0);
	same_name("/proc/self/oom_score_adj", "123");
	same_name("/proc/self/coredump_filter", "0x7f");
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	prctl(PR_MCE_KILL, PR_MCE_KILL_SET, PR_MCE_KILL_EARLY, 0, 0);
	syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0);
	syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED, 0, 0);
	pthread_create(&threads[0], 0, first, 0);
	pthread_create(&threads[1], 0, second, 0);
	while (up < 2)
		wl_sleep_ms(1);
	snap(before[0]);
	ready = 1;
	while (up < 4)
		wl_sleep_ms(1);
	wl_ready();
	wl_wait();
	look = 1;
	while (looked < 2)
		wl_sleep_ms(1);
	compare(0);
	wl_ok();
}
