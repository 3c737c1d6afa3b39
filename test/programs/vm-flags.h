/* Whether the mapping that begins at an address has a flag in VmFlags of /proc/self/smaps (proc_pid_smaps(5)). */
#ifndef VM_FLAGS_H
#define VM_FLAGS_H
#include "wl.h"

static UNUSED int has_flag(void *addr, const char *flag)
{
	char line[1024], want[32], key[8];
	FILE *f = fopen("/proc/self/smaps", "r");
	int in = 0, found = 0;

	snprintf(want, sizeof(want), "%lx-", (unsigned long)addr);
	snprintf(key, sizeof(key), " %s ", flag);
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
#endif
