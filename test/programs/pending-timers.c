/*
 * State: timers whose blocked signals are pending: one that went off once, one that does so often (with an overrun), one with a
 * long period, one of a thread's CPU time; a deleted one between them; and the alarm, with a long period, too.
 * Verify: one signal of each with its value, the overrun, the time that is left of the long periods, the numbers.
 */
#include "wl.h"
#include <sys/time.h>

#ifndef sigev_notify_thread_id
#define sigev_notify_thread_id _sigev_un._tid
#endif

static int create(int clock, int notify, int sig, unsigned long value)
{
	struct sigevent event = { .sigev_notify = notify, .sigev_signo = sig, .sigev_value.sival_ptr = (void *)value };
	int id = -1;

	event.sigev_notify_thread_id = getpid();
	SYS(syscall(SYS_timer_create, clock, &event, &id));
	return id;
}

static void set_timer(int id, long first_ns, long every_ns)
{
	struct itimerspec spec = { { every_ns / 1000000000, every_ns % 1000000000 }, { first_ns / 1000000000, first_ns % 1000000000 } };

	SYS(syscall(SYS_timer_settime, id, 0, &spec, 0));
}

static void expect(int sig, int code, unsigned long value)
{
	struct timespec none = { 0, 0 };
	siginfo_t info = { 0 };
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, sig);
	CHECK(sigtimedwait(&set, &info, &none) == sig, "signal %d: %s", sig, strerror(errno));
	CHECK(info.si_code == code, "signal %d: code %d instead of %d", sig, info.si_code, code);
	CHECK(!value || (unsigned long)info.si_value.sival_ptr == value, "signal %d: value %p", sig, info.si_value.sival_ptr);
}

static void expect_none(int sig)
{
	sigset_t set;

	SYS(sigpending(&set));
	CHECK(!sigismember(&set, sig), "a signal %d too many", sig);
}

int main(void)
{
	struct itimerval alarm = { { 77, 0 }, { 0, 1000 } };
	int once, often, seldom, cpu, left, overrun[2];
	struct itimerspec spec;
	sigset_t set;

	wl_init();
	sigfillset(&set);
	sigprocmask(SIG_SETMASK, &set, 0);
	once = create(CLOCK_MONOTONIC, SIGEV_SIGNAL, SIGRTMIN + 5, 0xfedcba9876543210UL);
	often = create(CLOCK_BOOTTIME, SIGEV_SIGNAL, SIGRTMIN + 6, 6);
	left = create(CLOCK_MONOTONIC, SIGEV_NONE, 0, 0);
	seldom = create(CLOCK_REALTIME, SIGEV_SIGNAL, SIGRTMIN + 7, 7);
	cpu = create(CLOCK_PROCESS_CPUTIME_ID, SIGEV_THREAD_ID, SIGRTMIN + 8, 8);
	SYS(syscall(SYS_timer_delete, left));
	SYS(setitimer(ITIMER_REAL, &alarm, 0));
	set_timer(once, 1000000, 0);
	set_timer(often, 5000000, 5000000);
	set_timer(cpu, 900000000000, 0);
	wl_sleep_ms(50);
	expect(SIGRTMIN + 6, SI_TIMER, 6);
	/* one tick pending, due again in most of an hour */
	set_timer(seldom, 1000000, 3600000000000);
	wl_sleep_ms(50);
	overrun[0] = SYS(syscall(SYS_timer_getoverrun, often));
	wl_ready();
	wl_wait();
	overrun[1] = SYS(syscall(SYS_timer_getoverrun, often));
	CHECK(overrun[0] == overrun[1] && overrun[0] >= 8, "overrun was %d, is %d", overrun[0], overrun[1]);
	expect(SIGALRM, SI_KERNEL, 0);
	expect_none(SIGALRM);
	expect(SIGRTMIN + 5, SI_TIMER, 0xfedcba9876543210UL);
	expect_none(SIGRTMIN + 5);
	expect(SIGRTMIN + 6, SI_TIMER, 6);
	expect(SIGRTMIN + 7, SI_TIMER, 7);
	expect_none(SIGRTMIN + 7);
	SYS(syscall(SYS_timer_gettime, seldom, &spec));
	CHECK(spec.it_interval.tv_sec == 3600 && spec.it_value.tv_sec >= 3580 && spec.it_value.tv_sec <= 3600, "seldom: %ld of %ld s",
	      (long)spec.it_value.tv_sec, (long)spec.it_interval.tv_sec);
	SYS(syscall(SYS_timer_gettime, cpu, &spec));
	CHECK(spec.it_value.tv_sec <= 900 && spec.it_value.tv_sec >= 880, "CPU time: %ld s", (long)spec.it_value.tv_sec);
	SYS(getitimer(ITIMER_REAL, &alarm));
	CHECK(alarm.it_interval.tv_sec == 77 && alarm.it_value.tv_sec >= 60, "alarm: %ld of %ld s", (long)alarm.it_value.tv_sec,
	      (long)alarm.it_interval.tv_sec);
	CHECK(syscall(SYS_timer_gettime, left, &spec) < 0 && cpu == 4, "numbers: %d", cpu);
	wl_ok();
}
