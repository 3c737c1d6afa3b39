/*
 * State: an eventfd that is full, a timerfd that has expired many times and goes on.
 * Verify: the counter; the expirations go on.
 */
#include "wl.h"
#include <sys/eventfd.h>
#include <sys/timerfd.h>

int main(void)
{
	uint64_t v = UINT64_MAX - 1;
	struct itimerspec its = { { 0, 1000000 }, { 0, 1000000 } }, got;

	wl_init();
	int full = SYS(eventfd(0, EFD_NONBLOCK)), t = SYS(timerfd_create(CLOCK_BOOTTIME, TFD_NONBLOCK));
	SYS(write(full, &v, 8));
	SYS(timerfd_settime(t, 0, &its, NULL));
	usleep(100000);
	wl_ready();
	wl_wait();
	CHECK(read(full, &v, 8) == 8 && v == UINT64_MAX - 1, "counter %llx", (unsigned long long)v);
	CHECK(read(t, &v, 8) == 8 && v >= 100, "%llu expirations", (unsigned long long)v);
	usleep(20000);
	CHECK(read(t, &v, 8) == 8 && v >= 10, "it stands: %llu", (unsigned long long)v);
	SYS(timerfd_gettime(t, &got));
	CHECK(got.it_interval.tv_nsec == 1000000, "interval");
	wl_ok();
}
