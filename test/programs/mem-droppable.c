/*
 * State: a page of droppable memory (MAP_DROPPABLE) with content.
 * Verify: it is there, with its content or, after a restore, empty; it is still droppable.
 */
#include "wl.h"

#ifndef MAP_DROPPABLE
#define MAP_DROPPABLE 0x08
#endif
#define PG 4096

/* When this process began, in clock ticks since boot (proc_pid_stat(5)): another number after a restore. */
static unsigned long long born(void)
{
	char text[1024] = "", *at;
	unsigned long long start = 0;
	int fd = SYS(open("/proc/self/stat", O_RDONLY));

	SYS(read(fd, text, sizeof(text) - 1));
	close(fd);
	at = strrchr(text, ')');
	for (int field = 2; at && field < 22; field++)
		at = strchr(at + 1, ' ');
	CHECK(at && sscanf(at, "%llu", &start) == 1, "stat %s", text);
	return start;
}

static int droppable(const char *page)
{
	char line[512], head[32];
	FILE *f = fopen("/proc/self/smaps", "r");
	int here = 0, is = 0;

	snprintf(head, sizeof(head), "%lx-", (unsigned long)page);
	while (fgets(line, sizeof(line), f)) {
		if (!strncmp(line, head, strlen(head)))
			here = 1;
		if (here && !strncmp(line, "VmFlags:", 8)) {
			is = strstr(line, " dp") != 0;
			break;
		}
	}
	fclose(f);
	return is;
}

int main(void)
{
	unsigned long long start = born();
	char *page;

	wl_init();
	page = mmap(0, PG, PROT_READ | PROT_WRITE, MAP_DROPPABLE | MAP_ANONYMOUS, -1, 0);
	CHECK(page != MAP_FAILED, "setup: this kernel has no droppable memory");
	CHECK(droppable(page), "setup: not droppable");
	strcpy(page, "random state");
	wl_ready();
	wl_wait();
	CHECK(droppable(page), "not droppable any more");
	CHECK(page[0] == (born() == start ? 'r' : 0), "content %d", page[0]);
	wl_ok();
}
