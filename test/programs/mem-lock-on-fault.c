/*
 * State: areas locked by mlock2(MLOCK_ONFAULT): untouched, touched in part,
 * touched as a whole.
 * Verify: bytes, the "lo" and "lf" flags, and that the untouched pages are not
 * in memory.
 */
#include "wl.h"

#define PG 4096UL

static int flag(void *addr, const char *fl)
{
	char line[1024], want[32], key[8];
	FILE *f = fopen("/proc/self/smaps", "r");
	int in = 0, found = 0;

	snprintf(want, sizeof(want), "%lx-", (unsigned long)addr);
	snprintf(key, sizeof(key), " %s ", fl);
	while (fgets(line, sizeof(line), f)) {
		if (!strncmp(line, want, strlen(want)))
			in = 1;
		if (in && !strncmp(line, "VmFlags:", 8)) {
			found = strstr(line, key) != NULL;
			break;
		}
	}
	fclose(f);
	return found;
}

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
		CHECK(flag(area[i], "lo") && flag(area[i], "lf"), "area %d is not locked on fault", i);
	for (int i = 0; i < 3; i++) {
		SYS(mincore(area[0] + i * PG, PG, &in));
		CHECK(!(in & 1), "page %d of the untouched area is in memory", i);
	}
	CHECK(!wl_differs(area[1] + PG, PG, 1) && !wl_differs(area[2], 3 * PG, 2), "bytes differ");
	CHECK(wl_is_zero(area[1], PG), "a page that was not touched is not zero");
	wl_ok();
}
