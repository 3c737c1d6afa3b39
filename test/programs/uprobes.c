// options: --allow-uprobes
// prepare: ./uprobes hold ./uprobes
// cleanup: kill $(cat holder)
/*
 * A function that a uprobe stands on, which was hit: the kernel has mapped [uprobes]. After a restore it still runs, its
 * hits are counted by who has the probe (another process), and a child of the tree runs it too.
 */
#include "wl.h"
#include <linux/perf_event.h>


__attribute__((noinline, noclone, used, section(".text.probed"))) static int probed(volatile int *counter)
{
	*counter += 7;
	return *counter;
}

/* Where in its file the mapping is that has an address. */
static unsigned long offset_of(void *address)
{
	FILE *maps = fopen("/proc/self/maps", "r");
	unsigned long start, end, offset, at = (unsigned long)address, found = 0;
	char line[4400];
	while (fgets(line, sizeof(line), maps))
		if (sscanf(line, "%lx-%lx %*s %lx", &start, &end, &offset) == 3 && start <= at && at < end)
			found = at - start + offset;
	fclose(maps);
	return found;
}

static int has_area(void)
{
	FILE *maps = fopen("/proc/self/maps", "r");
	char line[4400];
	int found = 0;
	while (fgets(line, sizeof(line), maps))
		if (strstr(line, "[uprobes]"))
			found = 1;
	fclose(maps);
	return found;
}

/* Keeps the probe until it is killed; returns once it is there. */
static int hold(const char *program)
{
	struct perf_event_attr attr = { .size = sizeof(attr), .sample_period = 1 };
	char real[4096];
	FILE *file = fopen("/sys/bus/event_source/devices/uprobe/type", "r");
	int type = -1;
	if (!file || fscanf(file, "%d", &type) != 1 || !realpath(program, real))
		return 1;
	fclose(file);
	attr.type = type;
	attr.config1 = (unsigned long)real;
	attr.config2 = offset_of((void *)probed);
	int fd = syscall(SYS_perf_event_open, &attr, -1, 0, -1, 0);
	if (fd < 0)
		return 1;
	pid_t pid = fork();
	if (pid == 0) {
		alarm(120);
		for (;;)
			pause();
	}
	file = fopen("holder", "w");
	fprintf(file, "%d\n", pid);
	fclose(file);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 3 && !strcmp(argv[1], "hold"))
		return hold(argv[2]);
	wl_init();
	int volatile counter = 0;
	CHECK(probed(&counter) == 7, "the function does not run");
	CHECK(has_area(), "no probe stands here");
	/* One that was never hit, in a process of the same program. */
	pid_t child = fork();
	if (child == 0) {
		int volatile own = 1;
		wl_wait();
		_exit(probed(&own) == 8 && has_area() ? 0 : 1);
	}
	wl_ready();
	wl_wait();
	for (int i = 0; i < 100; i++)
		probed(&counter);
	CHECK(counter == 707, "the function has counted %d", counter);
	CHECK(has_area(), "the probe was not hit");
	wl_child_verify(child);
	wl_ok();
	return 0;
}
