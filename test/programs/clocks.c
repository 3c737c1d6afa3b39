/*
 * State: waits for a moment of CLOCK_MONOTONIC and CLOCK_BOOTTIME (a sleep of a thread, a futex wait, two timerfds, a POSIX timer), all
 * the argument's seconds after its start. Writes "ready".
 * SIGUSR1: the clocks have gone on without a jump, as far as CLOCK_REALTIME tells; the moment comes for all who wait for it. Then
 * writes "ok" or what was wrong.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/futex.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#define LATE 5.0

static double begin[2], moment[2];
static const clockid_t clocks[2] = { CLOCK_MONOTONIC, CLOCK_BOOTTIME };
static int failed, word;

static double now(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

static struct timespec at(double time)
{
	return (struct timespec){ time, (time - (long)time) * 1e9 };
}

static void check(int right, const char *what, double value)
{
	char line[160];

	if (right)
		return;
	failed = 1;
	snprintf(line, sizeof(line), "%s: %.3f\n", what, value);
	if (write(1, line, strlen(line)) < 0)
		_exit(1);
}

/* the moment has come, and not long ago, however long the process was away */
static void on_time(const char *what, int clock, double waking)
{
	double late = now(clocks[clock]) - moment[clock], limit = waking - moment[clock];

	check(late > -0.001, what, late);
	check(late < (limit > 0 ? limit : 0) + LATE, what, late);
}

static void *sleeper(void *arg)
{
	struct timespec t = at(moment[0]);

	(void)arg;
	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL) == EINTR)
		;
	return NULL;
}

static void *waiter(void *arg)
{
	struct timespec t = at(moment[0]);

	(void)arg;
	while (syscall(SYS_futex, &word, FUTEX_WAIT_BITSET, 0, &t, 0, FUTEX_BITSET_MATCH_ANY) < 0 && errno == EINTR)
		;
	return NULL;
}

int main(int argc, char **argv)
{
	double real = now(CLOCK_REALTIME), dr, back[2];
	struct itimerspec spec = { { 0, 0 }, { 0, 0 } };
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN };
	pthread_t threads[2];
	timer_t timer;
	sigset_t set;
	int fds[2], i, sig;

	if (argc < 2)
		return 1;
	alarm(120);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGRTMIN);
	sigprocmask(SIG_BLOCK, &set, NULL);
	for (i = 0; i < 2; i++) {
		begin[i] = now(clocks[i]);
		moment[i] = begin[i] + atof(argv[1]);
		fds[i] = timerfd_create(clocks[i], 0);
		spec.it_value = at(moment[i]);
		if (fds[i] < 0 || timerfd_settime(fds[i], TFD_TIMER_ABSTIME, &spec, NULL))
			return 1;
	}
	spec.it_value = at(moment[0]);
	if (timer_create(CLOCK_MONOTONIC, &event, &timer) || timer_settime(timer, TIMER_ABSTIME, &spec, NULL))
		return 1;
	if (pthread_create(&threads[0], NULL, sleeper, NULL) || pthread_create(&threads[1], NULL, waiter, NULL))
		return 1;
	usleep(50000);
	if (write(1, "ready\n", 6) < 0)
		return 1;
	sigdelset(&set, SIGRTMIN);
	sigwait(&set, &sig);

	dr = now(CLOCK_REALTIME) - real;
	for (i = 0; i < 2; i++) {
		double moved = (back[i] = now(clocks[i])) - begin[i];

		check(moved >= 0 && moved < dr + 1, i ? "CLOCK_BOOTTIME moved" : "CLOCK_MONOTONIC moved", moved);
	}
	for (i = 0; i < 2; i++) {
		struct pollfd p = { fds[i], POLLIN, 0 };
		uint64_t ticks = 0;

		check(poll(&p, 1, 30000) == 1 && read(fds[i], &ticks, 8) == 8, "timerfd: ticks", ticks);
		on_time(i ? "timerfd of CLOCK_BOOTTIME" : "timerfd", i, back[i]);
	}
	pthread_join(threads[0], NULL);
	on_time("clock_nanosleep", 0, back[0]);
	pthread_join(threads[1], NULL);
	on_time("futex", 0, back[0]);
	sigemptyset(&set);
	sigaddset(&set, SIGRTMIN);
	spec.it_value = at(20);
	check(sigtimedwait(&set, NULL, &spec.it_value) == SIGRTMIN, "POSIX timer", 0);
	on_time("POSIX timer", 0, back[0]);
	if (!failed && write(1, "ok\n", 3) < 0)
		return 1;
	return failed;
}
