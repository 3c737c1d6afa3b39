/* Counts in its memory and in a deleted file, which are never apart: SIGUSR1 has it say whether they are. */
#include "wl.h"

int main(void)
{
	unsigned long n = 0, seen;
	int fd;

	wl_init();
	fd = wl_mkfile("counted", 0, 1);
	SYS(unlink("counted"));
	SYS(pwrite(fd, &n, sizeof(n), 0));
	wl_ready();
	sigprocmask(SIG_SETMASK, &(sigset_t){0}, NULL);
	while (!wl_go) {
		CHECK(pread(fd, &seen, sizeof(seen), 0) == sizeof(seen), "the file was cut off");
		CHECK(seen == n, "the file says %lu, memory %lu", seen, n);
		n++;
		SYS(pwrite(fd, &n, sizeof(n), 0));
	}
	wl_ok();
}
