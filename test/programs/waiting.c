/*
 * Threads that wait in system calls, one kind each. After a dump and a restore none of them may have seen EINTR, and those
 * with a time limit must have waited for about it. Only a socket with a limit of its own may say EINTR (signal(7)).
 * Writes "ready"; SIGUSR1 ends the waiting; then writes "ok" or what was wrong.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/futex.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ipc.h>
#include <sys/select.h>
#include <sys/sem.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SLEEP 4

static int pipes[16][2], nr_pipes, sockets[2], futex_word, other_word;
static volatile int failed;
static pid_t child;

static void wrong(const char *who, long result)
{
	char line[128];

	snprintf(line, sizeof(line), "%s: result %ld, errno %d\n", who, result, result < 0 ? errno : 0);
	if (write(1, line, strlen(line)) < 0)
		_exit(1);
	failed = 1;
}

static long passed(const struct timespec *since)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (now.tv_sec - since->tv_sec) * 1000 + (now.tv_nsec - since->tv_nsec) / 1000000;
}

#define WAITER(name, call, want)                                     \
	static void *name(void *arg)                                 \
	{                                                            \
		int *fd = arg;                                       \
		long r;                                              \
		(void)fd;                                            \
		r = (call);                                          \
		if (r != (want))                                     \
			wrong(#name, r);                             \
		return 0;                                            \
	}

static struct timespec rest, sleep_for = { SLEEP, 0 };
static struct timespec long_time = { 1000, 0 };

static void *in_nanosleep(void *arg)
{
	struct timespec since;
	long r, ms;

	(void)arg;
	clock_gettime(CLOCK_MONOTONIC, &since);
	r = syscall(SYS_nanosleep, &sleep_for, &rest);
	ms = passed(&since);
	if (r != 0)
		wrong("nanosleep", r);
	/* the remaining time, not all of it anew */
	if (ms < SLEEP * 1000 || ms > SLEEP * 1000 + 60000)
		wrong("nanosleep: milliseconds", ms);
	return 0;
}

static void *in_usleep(void *arg)
{
	long r;

	(void)arg;
	r = syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC, 0, &sleep_for, NULL);
	if (r != 0)
		wrong("clock_nanosleep", r);
	return 0;
}

static void *in_futex_time(void *arg)
{
	long r;

	(void)arg;
	r = syscall(SYS_futex, &other_word, FUTEX_WAIT, 0, &sleep_for, 0, 0);
	if (r != -1 || errno != ETIMEDOUT)
		wrong("futex with a time", r);
	return 0;
}

static void *in_poll_time(void *arg)
{
	struct pollfd p = { *(int *)arg, POLLIN, 0 };
	long r = poll(&p, 1, SLEEP * 1000);

	if (r != 0)
		wrong("poll with a time", r);
	return 0;
}

static struct pollfd poll_one(int fd)
{
	return (struct pollfd){ fd, POLLIN, 0 };
}

static long epoll_one(int fd, int timeout)
{
	struct epoll_event event = { EPOLLIN, { 0 } };
	int e = epoll_create1(0);

	epoll_ctl(e, EPOLL_CTL_ADD, fd, &event);
	return epoll_wait(e, &event, 1, timeout);
}

static long select_one(int fd)
{
	struct timeval limit = { 1000, 0 };
	fd_set set;

	FD_ZERO(&set);
	FD_SET(fd, &set);
	return select(fd + 1, &set, 0, 0, &limit);
}

static long take_signal(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGRTMIN + 1);
	return sigwaitinfo(&set, 0);
}

static long semaphore(void)
{
	struct sembuf down = { 0, -1, 0 };
	int id = semget(IPC_PRIVATE, 1, 0600);

	if (id < 0)
		return -2;
	return semop(id, &down, 1);
}

static long read_one(int fd)
{
	char c;

	return read(fd, &c, 1);
}

static long receive_one(int fd)
{
	struct timeval limit = { 1000, 0 };
	char c;
	long r;

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	while ((r = recv(fd, &c, 1, 0)) < 0 && errno == EINTR)
		;
	return r;
}

static long wait_child(void)
{
	int status;

	return waitpid(child, &status, 0) == child ? WEXITSTATUS(status) : -1;
}

static struct pollfd slot;
WAITER(in_poll, (slot = poll_one(*fd), poll(&slot, 1, -1)), 1)
WAITER(in_ppoll, (slot = poll_one(*fd), ppoll(&slot, 1, &long_time, 0)), 1)
WAITER(in_select, select_one(*fd), 1)
WAITER(in_epoll, epoll_one(*fd, -1), 1)
WAITER(in_epoll_time, epoll_one(*fd, 100000), 1)
WAITER(in_read, read_one(*fd), 1)
WAITER(in_recv, receive_one(sockets[0]), 1)
WAITER(in_futex, syscall(SYS_futex, &futex_word, FUTEX_WAIT, 0, NULL, 0, 0), 0)
WAITER(in_sigwait, take_signal(), SIGRTMIN + 1)
WAITER(in_wait, wait_child(), 3)

typedef void *(*waiter)(void *);
static const waiter waiters[] = { in_poll, in_ppoll, in_select, in_epoll, in_epoll_time, in_read, in_recv, in_futex,
				  in_sigwait, in_wait, in_nanosleep, in_usleep, in_futex_time, in_poll_time };
#define N (sizeof(waiters) / sizeof(waiters[0]))

int main(void)
{
	pthread_t threads[N];
	sigset_t set;
	size_t i;
	int sig;

	(void)semaphore;
	sigfillset(&set);
	sigprocmask(SIG_SETMASK, &set, 0);
	for (nr_pipes = 0; nr_pipes < (int)N; nr_pipes++)
		if (pipe(pipes[nr_pipes]))
			return 1;
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, sockets))
		return 1;
	child = fork();
	if (child == 0) {
		char c;

		while (read(pipes[9][0], &c, 1) < 0)
			;
		_exit(3);
	}
	for (i = 0; i < N; i++)
		pthread_create(&threads[i], 0, waiters[i], &pipes[i][0]);
	usleep(300000);
	if (write(1, "ready\n", 6) < 0)
		return 1;
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigwait(&set, &sig);
	futex_word = 1;
	syscall(SYS_futex, &futex_word, FUTEX_WAKE, 1, 0, 0, 0);
	pthread_kill(threads[8], SIGRTMIN + 1);
	if (write(sockets[1], "x", 1) < 0)
		return 1;
	for (i = 0; i < N; i++)
		if (i != 13 && write(pipes[i][1], "x", 1) < 0)
			return 1;
	for (i = 0; i < N; i++)
		pthread_join(threads[i], 0);
	if (!failed && write(1, "ok\n", 3) < 0)
		return 1;
	return failed;
}
