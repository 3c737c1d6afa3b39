/*
 * State: memory with advice (random, sequential, mergeable, not dumped, huge pages) that a child, forked before, does not have.
 * Verify: the flags of each mapping, here and in the child.
 */
#include "wl.h"

#define PG 4096UL

static const int ADVICE[] = { MADV_RANDOM, MADV_SEQUENTIAL, MADV_MERGEABLE, MADV_DONTDUMP, MADV_HUGEPAGE };
static const char *const FLAG[] = { " rr", " sr", " mg", " dd", " hg" };
enum { N = sizeof(ADVICE) / sizeof(*ADVICE) };

/* whether the mapping that begins at an address has a flag */
static int has(int pid, const void *address, const char *flag)
{
	char path[64], head[32], line[1024];
	int here = 0, is = -1;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/smaps", pid);
	snprintf(head, sizeof(head), "%lx-", (unsigned long)address);
	f = fopen(path, "r");
	CHECK(f, "%s: %s", path, strerror(errno));
	while (is < 0 && fgets(line, sizeof(line), f)) {
		if (!strncmp(line, head, strlen(head)))
			here = 1;
		if (here && !strncmp(line, "VmFlags:", 8))
			is = strstr(line, flag) != 0;
	}
	fclose(f);
	return is;
}

int main(void)
{
	int own[N], childs[N];
	char *map;
	pid_t kid;

	wl_init();
	map = SYS((char *)mmap(0, 2 * N * PG, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
	for (int i = 0; i < N; i++) {
		/* mappings that stay apart */
		map[2 * i * PG] = 1;
		SYS(mprotect(map + (2 * i + 1) * PG, PG, PROT_NONE));
	}
	kid = SYS(fork());
	if (!kid) {
		wl_wait();
		_exit(0);
	}
	for (int i = 0; i < N; i++) {
		madvise(map + 2 * i * PG, PG, ADVICE[i]);
		own[i] = has(getpid(), map + 2 * i * PG, FLAG[i]);
		childs[i] = has(kid, map + 2 * i * PG, FLAG[i]);
	}
	wl_ready();
	wl_wait();
	for (int i = 0; i < N; i++) {
		CHECK(has(getpid(), map + 2 * i * PG, FLAG[i]) == own[i], "advice%s was %d", FLAG[i], own[i]);
		CHECK(has(kid, map + 2 * i * PG, FLAG[i]) == childs[i], "child: advice%s was %d", FLAG[i], childs[i]);
	}
	wl_child_verify(kid);
	wl_ok();
}
