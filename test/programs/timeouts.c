/*
 * Threads that wait in system calls with a time limit, one kind each: the argument is the limit in milliseconds.
 * Writes "ready" when all wait; then, as each call returns, a line "NAME MILLISECONDS RESULT", with the time that CLOCK_MONOTONIC
 * says it took, and -errno for a failure; at the end "done".
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
#include <time.h>
#include <unistd.h>

#ifndef SYS_epoll_pwait2
#define SYS_epoll_pwait2 441
#endif
#ifndef SYS_futex_waitv
#define SYS_futex_waitv 449
#endif

static long limit_ms;
static int nothing[2]; /* a pipe that stays empty */
static int words[8], locked;

static struct timespec limit(void)
{
	return (struct timespec){ limit_ms / 1000, limit_ms % 1000 * 1000000 };
}

static struct timespec until(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	t.tv_sec += limit_ms / 1000;
	t.tv_nsec += limit_ms % 1000 * 1000000;
	if (t.tv_nsec >= 1000000000) {
		t.tv_nsec -= 1000000000;
		t.tv_sec++;
	}
	return t;
}

static int watch(void)
{
	struct epoll_event event = { EPOLLIN, { 0 } };
	int e = epoll_create1(0);

	epoll_ctl(e, EPOLL_CTL_ADD, nothing[0], &event);
	return e;
}

static long in_epoll_wait(void)
{
	struct epoll_event event;

	return epoll_wait(watch(), &event, 1, limit_ms);
}

static long in_epoll_pwait(void)
{
	struct epoll_event event;
	sigset_t set;

	sigfillset(&set);
	return epoll_pwait(watch(), &event, 1, limit_ms, &set);
}

static long in_epoll_pwait2(void)
{
	struct timespec t = limit();
	struct epoll_event event;
	long r = syscall(SYS_epoll_pwait2, watch(), &event, 1, &t, NULL, 8);

	/* the limit is the caller's, and is not written to */
	if (t.tv_sec != limit_ms / 1000 || t.tv_nsec != limit_ms % 1000 * 1000000)
		return -1000;
	return r;
}

static long in_poll(void)
{
	struct pollfd p = { nothing[0], POLLIN, 0 };

	return poll(&p, 1, limit_ms);
}

static long in_ppoll(void)
{
	struct pollfd p = { nothing[0], POLLIN, 0 };
	struct timespec t = limit();

	return ppoll(&p, 1, &t, NULL);
}

static long in_select(void)
{
	struct timeval t = { limit_ms / 1000, limit_ms % 1000 * 1000 };
	fd_set set;

	FD_ZERO(&set);
	FD_SET(nothing[0], &set);
	return syscall(SYS_select, nothing[0] + 1, &set, 0, 0, &t);
}

static long in_pselect(void)
{
	struct timespec t = limit();
	fd_set set;

	FD_ZERO(&set);
	FD_SET(nothing[0], &set);
	return pselect(nothing[0] + 1, &set, 0, 0, &t, NULL);
}

static long in_futex(void)
{
	struct timespec t = limit();

	return syscall(SYS_futex, &words[0], FUTEX_WAIT_PRIVATE, 0, &t, 0, 0);
}

static long in_futex_until(void)
{
	struct timespec t = until(CLOCK_MONOTONIC);

	return syscall(SYS_futex, &words[1], FUTEX_WAIT_BITSET, 0, &t, 0, FUTEX_BITSET_MATCH_ANY);
}

static long in_futex_lock(void)
{
	struct timespec t = until(CLOCK_REALTIME);

	return syscall(SYS_futex, &locked, FUTEX_LOCK_PI, 0, &t, 0, 0);
}

static long in_futex_waitv(void)
{
	struct timespec t = until(CLOCK_MONOTONIC);
	struct {
		unsigned long val, addr;
		unsigned flags, reserved;
	} w = { 0, (unsigned long)&words[2], 2, 0 };

	return syscall(SYS_futex_waitv, &w, 1, 0, &t, CLOCK_MONOTONIC);
}

static long in_sigtimedwait(void)
{
	struct timespec t = limit();
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGRTMIN + 2);
	return sigtimedwait(&set, NULL, &t);
}

static long in_semtimedop(void)
{
	struct sembuf down = { 0, -1, 0 };
	struct timespec t = limit();
	int id = semget(IPC_PRIVATE, 1, 0600);
	long r = semtimedop(id, &down, 1, &t);
	int error = errno;

	semctl(id, 0, IPC_RMID);
	errno = error;
	return r;
}

static long in_nanosleep(void)
{
	struct timespec t = limit();

	return syscall(SYS_nanosleep, &t, NULL);
}

static long in_nanosleep_rest(void)
{
	struct timespec t = limit(), rest;

	return syscall(SYS_nanosleep, &t, &rest);
}

static long in_nanosleep_same(void)
{
	struct timespec t = limit();

	return syscall(SYS_nanosleep, &t, &t);
}

static long in_clock_nanosleep(void)
{
	struct timespec t = limit();

	return syscall(SYS_clock_nanosleep, CLOCK_BOOTTIME, 0, &t, NULL);
}

static long in_clock_nanosleep_rest(void)
{
	struct timespec t = limit(), rest;

	return syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC, 0, &t, &rest);
}

static long in_clock_nanosleep_until(void)
{
	struct timespec t = until(CLOCK_MONOTONIC);

	return syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL);
}

static int timed_socket(int option)
{
	struct timeval t = { limit_ms / 1000, limit_ms % 1000 * 1000 };
	int fd[2];

	socketpair(AF_UNIX, SOCK_STREAM, 0, fd);
	setsockopt(fd[0], SOL_SOCKET, option, &t, sizeof(t));
	return fd[0];
}

static long in_recv(void)
{
	char c;

	return recv(timed_socket(SO_RCVTIMEO), &c, 1, 0);
}

static long in_recvmsg(void)
{
	char c;
	struct iovec iov = { &c, 1 };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };

	return recvmsg(timed_socket(SO_RCVTIMEO), &m, 0);
}

static long in_send(void)
{
	static char much[65536];
	int fd = timed_socket(SO_SNDTIMEO);

	while (send(fd, much, sizeof(much), MSG_DONTWAIT) > 0)
		;
	return send(fd, much, sizeof(much), 0);
}

#define CALL(name) { #name, in_##name }
static const struct call {
	const char *name;
	long (*make)(void);
} calls[] = {
	CALL(epoll_wait), CALL(epoll_pwait), CALL(epoll_pwait2), CALL(poll), CALL(ppoll), CALL(select), CALL(pselect),
	CALL(futex), CALL(futex_until), CALL(futex_lock), CALL(futex_waitv), CALL(sigtimedwait), CALL(semtimedop),
	CALL(nanosleep), CALL(nanosleep_rest), CALL(nanosleep_same), CALL(clock_nanosleep), CALL(clock_nanosleep_rest),
	CALL(clock_nanosleep_until), CALL(recv), CALL(recvmsg), CALL(send),
};
#define N (sizeof(calls) / sizeof(calls[0]))

static void *run(void *arg)
{
	const struct call *call = arg;
	struct timespec from, to;
	char line[128];
	long r, ms;

	clock_gettime(CLOCK_MONOTONIC, &from);
	r = call->make();
	if (r == -1)
		r = -errno;
	clock_gettime(CLOCK_MONOTONIC, &to);
	ms = (to.tv_sec - from.tv_sec) * 1000 + (to.tv_nsec - from.tv_nsec) / 1000000;
	snprintf(line, sizeof(line), "%s %ld %ld\n", call->name, ms, r);
	if (write(1, line, strlen(line)) < 0)
		_exit(1);
	return NULL;
}

int main(int argc, char **argv)
{
	pthread_t threads[N];
	sigset_t set;
	size_t i;
	int wanted = 0;

	if (argc < 2 || pipe(nothing))
		return 1;
	limit_ms = atol(argv[1]);
	sigfillset(&set);
	sigprocmask(SIG_SETMASK, &set, NULL);
	/* the main thread has the lock that one of the others waits for */
	locked = syscall(SYS_gettid);
	for (i = 0; i < N; i++) {
		wanted = argc == 2;
		for (int a = 2; a < argc; a++)
			wanted |= !strcmp(argv[a], calls[i].name);
		threads[i] = 0;
		if (wanted && pthread_create(&threads[i], NULL, run, (void *)&calls[i]))
			return 1;
	}
	usleep(100000);
	if (write(1, "ready\n", 6) < 0)
		return 1;
	for (i = 0; i < N; i++)
		if (threads[i])
			pthread_join(threads[i], NULL);
	if (write(1, "done\n", 5) < 0)
		return 1;
	return 0;
}
