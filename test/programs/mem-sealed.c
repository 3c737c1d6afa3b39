/*
 * State: a sealed page (mseal) with content.
 * Verify: the content; it can be neither unmapped nor protected.
 */
#include "wl.h"

#ifndef SYS_mseal
#define SYS_mseal 462
#endif
#define PG 4096

int main(void)
{
	char *page;

	wl_init();
	page = SYS((char *)mmap(0, PG, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
	page[0] = 's';
	CHECK(syscall(SYS_mseal, page, PG, 0) == 0, "setup: this kernel seals no memory");
	wl_ready();
	wl_wait();
	CHECK(page[0] == 's', "content %d", page[0]);
	CHECK(munmap(page, PG) && errno == EPERM, "munmap");
	CHECK(mprotect(page, PG, PROT_READ) && errno == EPERM, "mprotect");
	wl_ok();
}
