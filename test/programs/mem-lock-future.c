/*
 * State: memory to come is locked at once (mlockall(MCL_FUTURE)), in a child when it is touched (MCL_ONFAULT).
 * Verify: new mappings are locked, here there at once, in the child not.
 */
#include "wl.h"

#define PG 4096

static void check(const char *who, int wanted)
{
	char *page = SYS((char *)mmap(0, PG, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)), line[512];
	unsigned long from, to;
	unsigned char seen = 0;
	int inside = 0, locked = 0;
	FILE *smaps = fopen("/proc/self/smaps", "r");

	SYS(mincore(page, PG, &seen));
	while (fgets(line, sizeof(line), smaps)) {
		if (sscanf(line, "%lx-%lx ", &from, &to) == 2)
			inside = from <= (unsigned long)page && (unsigned long)page < to;
		else if (inside && !strncmp(line, "VmFlags:", 8))
			locked = strstr(line, " lo") != 0;
	}
	fclose(smaps);
	CHECK(locked, "%s: new memory is not locked", who);
	CHECK((seen & 1) == wanted, "%s: new memory is %sthere", who, wanted ? "not " : "");
}

int main(void)
{
	struct wl_gate g;
	pid_t kid;

	wl_init();
	wl_gate_open(&g);
	kid = SYS(fork());
	SYS(mlockall(MCL_FUTURE | (kid ? 0 : MCL_ONFAULT)));
	if (!kid) {
		wl_gate_done(&g);
		wl_wait();
		check("child", 0);
		_exit(0);
	}
	wl_gate_wait(&g, 1);
	wl_ready();
	wl_wait();
	check("parent", 1);
	wl_child_verify(kid);
	wl_ok();
}
