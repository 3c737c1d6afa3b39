/*
 * State: guard pages (MADV_GUARD_INSTALL) over the border of two mappings, in one that is locked on fault, and in a private
 * mapping of a file.
 * Verify: touching a guard page faults, touching any other page does not.
 */
#include "wl.h"
#include <setjmp.h>

#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102
#endif
#define PG 4096

static sigjmp_buf back;

static void fault(int sig)
{
	(void)sig;
	siglongjmp(back, 1);
}

static int guarded(volatile char *page)
{
	if (sigsetjmp(back, 1))
		return 1;
	*page = 1;
	return 0;
}

static void check(char *map, const char *what)
{
	for (int i = 0; i < 6; i++)
		CHECK(guarded(map + i * PG) == (i == 1 || i == 2 || i == 4), "%s: page %d", what, i);
}

int main(void)
{
	struct sigaction act = { .sa_handler = fault, .sa_flags = SA_NODEFER };
	char *guards, *files;
	int fd;

	wl_init();
	sigaction(SIGSEGV, &act, 0);
	guards = SYS((char *)mmap(0, 6 * PG, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
	SYS((char *)mmap(guards + 2 * PG, PG, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
	fd = wl_mkfile("guarded", 6 * PG, 1);
	files = SYS((char *)mmap(0, 6 * PG, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0));
	CHECK(madvise(guards + PG, 2 * PG, MADV_GUARD_INSTALL) == 0, "setup: this kernel has no guard pages");
	SYS(madvise(guards + 4 * PG, PG, MADV_GUARD_INSTALL));
	if (madvise(files + PG, 2 * PG, MADV_GUARD_INSTALL))
		files = 0; /* Linux 6.15 */
	else
		SYS(madvise(files + 4 * PG, PG, MADV_GUARD_INSTALL));
	SYS(mlock2(guards, PG, MLOCK_ONFAULT));
	check(guards, "setup");
	wl_ready();
	wl_wait();
	check(guards, "memory");
	if (files)
		check(files, "file");
	wl_ok();
}
