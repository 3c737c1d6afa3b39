/*
 * State: descriptors with numbers up to the limit.
 * Verify: they share a position; the numbers beside them are free.
 */
#include "wl.h"
#include "bytes.h"

int main(void)
{
	long max = sysconf(_SC_OPEN_MAX);

	wl_init();
	int fd = make("high", 30, 1);
	SYS(dup2(fd, max - 1));
	SYS(dup2(fd, max - 3));
	for (int i = 200; i < 260; i++)
		SYS(dup2(fd, i));
	wl_ready();
	wl_wait();
	SYS(lseek(fd, 7, SEEK_SET));
	CHECK(lseek(max - 1, 0, SEEK_CUR) == 7 && lseek(max - 3, 0, SEEK_CUR) == 7 && lseek(259, 0, SEEK_CUR) == 7, "high number");
	CHECK(fcntl(max - 2, F_GETFD) < 0 && fcntl(260, F_GETFD) < 0, "a number that was closed");
	wl_ok();
}
