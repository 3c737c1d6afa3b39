/*
 * State: a timerfd on a clock that wakes the machine up (CLOCK_BOOTTIME_ALARM), absolute and far away.
 * Verify: its time is still far.
 */
#include "wl.h"
#include <sys/timerfd.h>

int main(void)
{
	struct itimerspec far = { .it_value = { 1 << 30, 0 } };
	int fd;

	wl_init();
	fd = timerfd_create(CLOCK_BOOTTIME_ALARM, 0);
	CHECK(fd >= 0, "setup: no such clock: %s", strerror(errno));
	SYS(timerfd_settime(fd, TFD_TIMER_ABSTIME, &far, 0));
	wl_ready();
	wl_wait();
	SYS(timerfd_gettime(fd, &far));
	CHECK(far.it_value.tv_sec > 1 << 29, "%ld s", (long)far.it_value.tv_sec);
	wl_ok();
}
