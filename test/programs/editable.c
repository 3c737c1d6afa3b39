/*
 * A process whose state is changed in its images: SIGUSR1 makes it say what it sees of itself, a line each.
 *
 *   editable ARGUMENT      with the variable WHERE in its environment
 *
 * It has a second thread, a child process, a descriptor 9 of "numbers" (0123456789) at position 2 and a descriptor 8.
 * Prints "ready ADDRESS", where the word "value" is.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static volatile unsigned long value = 41;
static volatile pid_t tid;
static pthread_t thread;
static volatile pid_t child;

static void *second(void *arg)
{
	for (;;) {
		tid = syscall(SYS_gettid);
		usleep(10000);
	}
	return arg;
}

static void say(const char *argument)
{
	char comm[16], digit = '-';
	ssize_t got;
	struct rlimit limit;
	sigset_t set;

	prctl(PR_GET_NAME, comm);
	getrlimit(RLIMIT_NOFILE, &limit);
	sigprocmask(SIG_BLOCK, 0, &set);
	tid = 0;
	while (!tid)
		usleep(1000);
	printf("pid %d\n", getpid());
	printf("group %d session %d\n", getpgrp(), getsid(0));
	printf("thread %d found %d\n", tid, pthread_kill(thread, 0));
	printf("child %d alive %d\n", child, kill(child, 0) == 0 && waitpid(-1, 0, WNOHANG) == 0);
	printf("comm %s\n", comm);
	printf("where %s\n", getenv("WHERE"));
	printf("extra %s\n", getenv("EXTRA") ? getenv("EXTRA") : "-");
	printf("mxcsr %x\n", __builtin_ia32_stmxcsr());
	printf("argument %s\n", argument);
	printf("value %lu\n", value);
	printf("limit %lu %lu\n", (unsigned long)limit.rlim_cur, (unsigned long)limit.rlim_max);
	printf("user %d group %d\n", geteuid(), getegid());
	got = read(9, &digit, 1);
	printf("read %zd %c\n", got, digit);
	printf("blocks %d\n", sigismember(&set, SIGUSR2));
	printf("eight %d seven %d\n", fcntl(8, F_GETFD), fcntl(7, F_GETFD));
	printf("end\n");
	fflush(stdout);
}

int main(int argc, char **argv)
{
	sigset_t set;
	int signal, fd = open("numbers", O_RDWR | O_CREAT, 0644);

	if (argc < 2 || write(fd, "0123456789", 10) != 10 || dup2(fd, 9) != 9 || dup2(fd, 8) != 8 || lseek(9, 2, SEEK_SET) != 2)
		return 2;
	if (fd != 9 && fd != 8)
		close(fd);
	child = fork();
	if (child == 0)
		for (;;)
			pause();
	pthread_create(&thread, 0, second, 0);
	while (!tid)
		usleep(1000);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, 0);
	printf("ready %p\n", (void *)&value);
	fflush(stdout);
	for (;;)
		if (sigwait(&set, &signal) == 0)
			say(argv[1]);
}
