/*
 * State: areas locked by mlock2(MLOCK_ONFAULT): untouched, touched in part,
 * touched as a whole.
 * Verify: bytes, the "lo" and "lf" flags, and that the untouched pages are not
 * in memory.
 */
#include "vm-flags.h"

#define PG 4096UL

int main(void)
{
	char *area[3];
	unsigned char in;

	wl_init();
	for (int i = 0; i < 3; i++) {
		area[i] = SYS((char *)mmap(NULL, 5 * PG, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)) + PG;
		SYS(mprotect(area[i], 3 * PG, PROT_READ | PROT_WRITE));
		SYS(mlock2(area[i], 3 * PG, MLOCK_ONFAULT));
	}
	wl_fill(area[1] + PG, PG, 1);
	wl_fill(area[2], 3 * PG, 2);
	wl_ready();
	wl_wait();
	for (int i = 0; i < 3; i++)
		CHECK(has_flag(area[i], "lo") && has_flag(area[i], "lf"), "area %d is not locked on fault", i);
	for (int i = 0; i < 3; i++) {
		SYS(mincore(area[0] + i * PG, PG, &in));
		CHECK(!(in & 1), "page %d of the untouched area is in memory", i);
	}
	CHECK(!wl_differs(area[1] + PG, PG, 1) && !wl_differs(area[2], 3 * PG, 2), "bytes differ");
	CHECK(wl_is_zero(area[1], PG), "a page that was not touched is not zero");
	wl_ok();
}
