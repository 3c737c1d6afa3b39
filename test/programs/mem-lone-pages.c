/*
 * State: 1,500 pages of private memory, each between two that were never touched.
 * Verify: their contents, and zeros between them.
 */
#include "wl.h"

#define PG 4096
#define LONE 1500

int main(void)
{
	char *map;

	wl_init();
	map = SYS((char *)mmap(0, 2 * LONE * PG, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
	madvise(map, 2 * LONE * PG, MADV_NOHUGEPAGE);
	for (int i = 0; i < LONE; i++)
		*(int *)(map + 2 * i * PG) = i + 1;
	wl_ready();
	wl_wait();
	for (int i = 0; i < LONE; i++) {
		CHECK(*(int *)(map + 2 * i * PG) == i + 1, "page %d", 2 * i);
		CHECK(*(int *)(map + (2 * i + 1) * PG) == 0, "page %d", 2 * i + 1);
	}
	wl_ok();
}
