/*
 * A process with what few programs have: 1,500 lone pages, guard pages, droppable memory, timers that libc tells by
 * threads of its own, a child stopped by SIGTSTP, a zombie whose process group's leader is dead, an adopted child whose
 * session's leader is a zombie, files and directories
 * of each other's and their own in /proc. SIGUSR1 makes it
 * compare; then "ok" or the differences are written.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#ifndef MAP_DROPPABLE
#define MAP_DROPPABLE 0x08
#endif
#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102
#endif
#define PAGE 4096
#define LONE 1500

static sigjmp_buf back;
static volatile int ticks, failed;

static void tick(union sigval value)
{
	(void)value;
	__sync_fetch_and_add(&ticks, 1);
}

static void fault(int signal)
{
	(void)signal;
	siglongjmp(back, 1);
}

static int guarded(volatile char *page)
{
	if (sigsetjmp(back, 1))
		return 1;
	*page = 1;
	return 0;
}

/* When this process began, in clock ticks since boot (proc_pid_stat(5)): another number after a restore. */
static unsigned long long born(void)
{
	char text[1024] = "", *at;
	unsigned long long start = 0;
	int fd = open("/proc/self/stat", O_RDONLY), field;

	if (read(fd, text, sizeof(text) - 1) < 0)
		perror("stat");
	close(fd);
	at = strrchr(text, ')');
	for (field = 2; at && field < 22; field++)
		at = strchr(at + 1, ' ');
	if (at)
		sscanf(at, "%llu", &start);
	return start;
}

static void wrong(const char *what, long is, long wanted)
{
	if (is == wanted)
		return;
	failed = 1;
	printf("%s: %ld, wanted %ld\n", what, is, wanted);
}

static void leads_to(pid_t pid, const char *link, const char *wanted)
{
	char path[64], is[256] = "";

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, link);
	if (readlink(path, is, sizeof(is) - 1) < 0)
		perror(path);
	if (strcmp(is, wanted)) {
		failed = 1;
		printf("%s: leads to %s, wanted %s\n", path, is, wanted);
	}
}

static void check_guards(char *map, int installed)
{
	int i;

	for (i = 0; i < 6; i++)
		wrong("guard page", guarded(map + i * PAGE), installed && (i == 1 || i == 2 || i == 4));
}

int main(void)
{
	unsigned long long start = born();
	struct sigaction act = { .sa_handler = fault, .sa_flags = SA_NODEFER };
	struct sigevent event = { .sigev_notify = SIGEV_THREAD, .sigev_notify_function = tick };
	struct itimerspec spec = { { 0, 3000000 }, { 0, 3000000 } };
	struct timespec moment = { 0, 100000000 };
	timer_t timers[3];
	pid_t job, leader, session, zombie = 0, orphan = 0;
	siginfo_t info;
	sigset_t set;
	char *lone, *guards, *files, *droppable;
	char path[64], text[64] = "";
	int i, fd, own, comm, signal, installed, got, pipes[2];

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, 0);
	sigaction(SIGSEGV, &act, 0);
	sigaction(SIGBUS, &act, 0);

	lone = mmap(0, 2 * LONE * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	madvise(lone, 2 * LONE * PAGE, MADV_NOHUGEPAGE);
	for (i = 0; i < LONE; i++)
		*(int *)(lone + 2 * i * PAGE) = i + 1;

	/* over the border of two mappings, and in one of a file */
	guards = mmap(0, 6 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	mmap(guards + 2 * PAGE, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	fd = open("file", O_CREAT | O_RDWR, 0600);
	if (ftruncate(fd, 6 * PAGE))
		perror("ftruncate");
	files = mmap(0, 6 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	installed = madvise(guards + PAGE, 2 * PAGE, MADV_GUARD_INSTALL) == 0;
	installed = installed && madvise(guards + 4 * PAGE, PAGE, MADV_GUARD_INSTALL) == 0;
	if (installed && madvise(files + PAGE, 2 * PAGE, MADV_GUARD_INSTALL) == 0)
		madvise(files + 4 * PAGE, PAGE, MADV_GUARD_INSTALL);
	else
		files = 0;
	mlock2(guards, PAGE, 1);
	check_guards(guards, installed);

	droppable = mmap(0, PAGE, PROT_READ | PROT_WRITE, MAP_DROPPABLE | MAP_ANONYMOUS, -1, 0);
	if (droppable != MAP_FAILED)
		strcpy(droppable, "random state");

	/* the job's number says to its parent that it is there; `own` is the same number in both */
	if (pipe(pipes))
		perror("pipe");
	own = open("/proc/self/status", O_RDONLY);
	job = fork();
	if (!job) {
		close(own);
		snprintf(path, sizeof(path), "/proc/%d/task", getppid());
		if (chdir(path) || open("/proc/self/stat", O_RDONLY) != own)
			perror("proc");
		i = write(pipes[1], "", 1);
		for (;;)
			pause();
	}
	if (read(pipes[0], text, 1) != 1)
		perror("read");
	setpgid(job, job);
	snprintf(path, sizeof(path), "/proc/%d/comm", job);
	comm = open(path, O_RDONLY);
	kill(job, SIGTSTP);
	if (waitid(P_PID, job, &info, WSTOPPED | WNOWAIT) || info.si_status != SIGTSTP)
		perror("waitid");

	leader = fork();
	if (!leader) {
		setpgid(0, 0);
		zombie = syscall(SYS_clone, CLONE_PARENT | SIGCHLD, 0, 0, 0, 0);
		if (zombie)
			i = write(pipes[1], &zombie, sizeof(zombie));
		_exit(zombie ? 0 : 7);
	}
	if (read(pipes[0], &zombie, sizeof(zombie)) != sizeof(zombie))
		perror("read");
	close(pipes[0]);
	close(pipes[1]);
	waitpid(leader, 0, 0);
	waitid(P_PID, zombie, &info, WEXITED | WNOWAIT);

	prctl(PR_SET_CHILD_SUBREAPER, 1);
	if (pipe(pipes))
		perror("pipe");
	session = fork();
	if (!session) {
		setsid();
		orphan = fork();
		if (orphan && write(pipes[1], &orphan, sizeof(orphan)) > 0)
			_exit(3);
		for (;;)
			pause();
	}
	if (read(pipes[0], &orphan, sizeof(orphan)) != sizeof(orphan))
		perror("read");
	close(pipes[0]);
	close(pipes[1]);
	waitid(P_PID, session, &info, WEXITED | WNOWAIT);

	for (i = 0; i < 3; i++)
		if (timer_create(CLOCK_MONOTONIC, &event, &timers[i]) || timer_settime(timers[i], 0, &spec, 0))
			perror("timer");
	while (!ticks)
		nanosleep(&moment, 0);

	printf("ready\n");
	fflush(stdout);
	sigwait(&set, &signal);

	got = ticks;
	nanosleep(&moment, 0);
	wrong("timers run on", ticks > got, 1);
	for (i = 0; i < LONE; i++) {
		wrong("lone page", *(int *)(lone + 2 * i * PAGE), i + 1);
		wrong("page between", *(int *)(lone + (2 * i + 1) * PAGE), 0);
	}
	check_guards(guards, installed);
	if (files)
		check_guards(files, 1);
	if (droppable != MAP_FAILED)
		wrong("droppable memory", droppable[0], born() == start ? 'r' : 0);
	if (read(comm, text, sizeof(text)) != 8 || strncmp(text, "corners\n", 8))
		wrong("name of the job", text[0], 'c');
	snprintf(path, sizeof(path), "/proc/%d/status", getpid());
	leads_to(getpid(), (snprintf(text, sizeof(text), "fd/%d", own), text), path);
	snprintf(path, sizeof(path), "/proc/%d/stat", job);
	leads_to(job, text, path);
	snprintf(path, sizeof(path), "/proc/%d/task", getpid());
	leads_to(job, "cwd", path);
	info.si_status = 0;
	if (waitid(P_PID, job, &info, WSTOPPED | WNOWAIT | WNOHANG))
		perror("waitid of the job");
	wrong("stop signal of the job", info.si_status, SIGTSTP);
	wrong("group of the zombie", getpgid(zombie), leader);
	wrong("status of the zombie", waitpid(zombie, &i, 0) == zombie && WIFEXITED(i) ? WEXITSTATUS(i) : -1, 7);
	wrong("session of the orphan", getsid(orphan), session);
	kill(orphan, SIGKILL);
	wrong("the orphan is a child", waitpid(orphan, 0, 0), orphan);
	wrong("status of the leader", waitpid(session, &i, 0) == session && WIFEXITED(i) ? WEXITSTATUS(i) : -1, 3);
	kill(job, SIGKILL);
	waitpid(job, 0, 0);
	if (!failed)
		printf("ok\n");
	return failed;
}
