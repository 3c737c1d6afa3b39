/*
 * State: three periodic POSIX timers that libc tells by threads of its own (SIGEV_THREAD).
 * Verify: they go on.
 */
#include "wl.h"

static volatile int ticks[3];

static void tick(union sigval value)
{
	__sync_fetch_and_add(&ticks[value.sival_int], 1);
}

static void all_tick(const char *when)
{
	for (int i = 0; i < 3; i++) {
		int before = ticks[i];

		for (int tries = 0; ticks[i] == before && tries < 1000; tries++)
			wl_sleep_ms(5);
		CHECK(ticks[i] != before, "%s: timer %d stands still at %d", when, i, before);
	}
}

int main(void)
{
	struct itimerspec spec = { { 0, 3000000 }, { 0, 3000000 } };
	timer_t timers[3];

	wl_init();
	for (int i = 0; i < 3; i++) {
		struct sigevent event = { .sigev_notify = SIGEV_THREAD, .sigev_notify_function = tick, .sigev_value.sival_int = i };

		SYS(timer_create(CLOCK_MONOTONIC, &event, &timers[i]));
		SYS(timer_settime(timers[i], 0, &spec, 0));
	}
	all_tick("setup");
	wl_ready();
	wl_wait();
	all_tick("after");
	wl_ok();
}
