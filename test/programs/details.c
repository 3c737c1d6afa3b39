/*
 * A process with what is easily forgotten: a stopped child with a SIGTERM pending, a child that ends with SIGUSR2, a named
 * zombie, a descriptor whose signals tell its number, an absolute timer on a clock that wakes the machine up, sealed and
 * mergeable memory, a socket that never was connected, a socket pair with a duplicate, and children that share one
 * descriptor table and root. SIGUSR1 makes it compare; then "ok" or the differences are written.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#ifndef SYS_mseal
#define SYS_mseal 462
#endif
#ifndef PR_SET_MEMORY_MERGE
#define PR_SET_MEMORY_MERGE 67
#define PR_GET_MEMORY_MERGE 68
#endif
#define PAGE 4096
#define SHARERS 12

static int failed;

static void wrong(const char *what, long is, long wanted)
{
	if (is == wanted)
		return;
	printf("%s: %ld, not %ld\n", what, is, wanted);
	failed = 1;
}

/* The state letter of a process, and whether its name is as wanted. */
static char state_of(int pid, const char *name)
{
	char path[64], text[256] = "", *at;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	fd = open(path, O_RDONLY);
	if (fd < 0 || read(fd, text, sizeof(text) - 1) < 0)
		return '?';
	close(fd);
	if (name)
		wrong(name, strncmp(strchr(text, '(') + 1, name, strlen(name)), 0);
	at = strrchr(text, ')');
	return at ? at[2] : '?';
}

static int pending(int pid, int signal)
{
	char path[64], line[256];
	unsigned long long set = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	file = fopen(path, "r");
	while (file && fgets(line, sizeof(line), file))
		if (!strncmp(line, "ShdPnd:", 7))
			set = strtoull(line + 7, 0, 16);
	if (file)
		fclose(file);
	return set >> (signal - 1) & 1;
}

int main(void)
{
	struct itimerspec far = {.it_value = {1 << 30, 0}};
	int stopped, custom, zombie, sharers[SHARERS], pipes[2], pair[2], twin, lone, alarm, sealed, merged, i, signal;
	struct timespec moment = {2, 0};
	siginfo_t info;
	sigset_t set;
	char *page;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGUSR2);
	sigaddset(&set, SIGRTMIN + 2);
	sigprocmask(SIG_BLOCK, &set, 0);

	stopped = fork();
	if (!stopped)
		for (;;)
			pause();
	kill(stopped, SIGSTOP);
	waitid(P_PID, stopped, &info, WSTOPPED | WNOWAIT);
	kill(stopped, SIGTERM);

	custom = syscall(SYS_clone, SIGUSR2, 0, 0, 0, 0);
	if (!custom)
		for (;;)
			pause();

	zombie = fork();
	if (!zombie) {
		prctl(PR_SET_NAME, "gone (by)");
		_exit(9);
	}
	waitid(P_PID, zombie, &info, WEXITED | WNOWAIT);

	for (i = 0; i < SHARERS; i++) {
		sharers[i] = syscall(SYS_clone, CLONE_FILES | CLONE_FS | SIGCHLD, 0, 0, 0, 0);
		if (!sharers[i])
			for (;;)
				pause();
	}

	if (pipe(pipes) || socketpair(AF_UNIX, SOCK_STREAM, 0, pair))
		perror("pipes");
	twin = dup(pair[0]);
	fcntl(pipes[0], F_SETSIG, SIGRTMIN + 2);
	fcntl(pipes[0], F_SETOWN, getpid());
	fcntl(pipes[0], F_SETFL, O_ASYNC | O_NONBLOCK);
	lone = socket(AF_UNIX, SOCK_SEQPACKET, 0);
	alarm = timerfd_create(CLOCK_BOOTTIME_ALARM, 0);
	if (alarm >= 0 && timerfd_settime(alarm, TFD_TIMER_ABSTIME, &far, 0))
		perror("timerfd");

	page = mmap(0, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	page[0] = 's';
	sealed = syscall(SYS_mseal, page, PAGE, 0) == 0;
	merged = prctl(PR_SET_MEMORY_MERGE, 1, 0, 0, 0) == 0;

	printf("ready\n");
	fflush(stdout);
	do
		sigwait(&set, &signal);
	while (signal != SIGUSR1);

	wrong("state of the stopped child", state_of(stopped, 0), 'T');
	wrong("its SIGTERM is pending", pending(stopped, SIGTERM), 1);
	kill(stopped, SIGCONT);
	wrong("its end", waitpid(stopped, &i, 0) == stopped && WIFSIGNALED(i) ? WTERMSIG(i) : -1, SIGTERM);

	kill(custom, SIGKILL);
	sigdelset(&set, SIGUSR1);
	wrong("signal of the other child", sigtimedwait(&set, &info, &moment), SIGUSR2);
	wrong("who sent it", info.si_pid, custom);
	wrong("the other child", waitpid(custom, 0, __WCLONE), custom);

	wrong("the zombie", state_of(zombie, "gone (by)"), 'Z');
	wrong("its status", waitpid(zombie, &i, 0) == zombie && WIFEXITED(i) ? WEXITSTATUS(i) : -1, 9);

	if (write(pipes[1], "x", 1) != 1)
		perror("write");
	wrong("signal of the pipe", sigtimedwait(&set, &info, &moment), SIGRTMIN + 2);
	wrong("its descriptor", info.si_fd, pipes[0]);

	if (write(twin, "y", 1) != 1)
		perror("write");
	wrong("through the pair", read(pair[1], page, 1), 1);
	wrong("what came", page[0], 'y');
	wrong("the lone socket", recv(lone, page, 1, MSG_DONTWAIT) < 0 ? errno : 0, ENOTCONN);
	if (alarm >= 0) {
		timerfd_gettime(alarm, &far);
		wrong("the far timer", far.it_value.tv_sec > 1 << 29, 1);
	}
	if (sealed)
		wrong("a sealed page", munmap(page, PAGE) ? errno : 0, EPERM);
	if (merged)
		wrong("memory is merged", prctl(PR_GET_MEMORY_MERGE, 0, 0, 0, 0), 1);
	for (i = 0; i < SHARERS; i++) {
		wrong("a sharer's table", syscall(SYS_kcmp, getpid(), sharers[i], 2, 0, 0), 0);
		kill(sharers[i], SIGKILL);
		waitpid(sharers[i], 0, 0);
	}
	if (!failed)
		printf("ok\n");
	return failed;
}
