/*
 * State: a running program whose file has been removed.
 * Verify: the exe link says deleted, code still runs, the name is free.
 */
#include "wl.h"

int main(int argc, char **argv)
{
	char exe[512] = "";

	if (argc == 1) {
		CHECK(system("cp exe-deleted exe.copy") == 0, "setup: cp");
		execl("exe.copy", argv[0], "again", NULL);
		return 1;
	}
	wl_init();
	SYS(unlink("exe.copy"));
	wl_ready();
	wl_wait();
	SYS(readlink("/proc/self/exe", exe, sizeof(exe) - 1));
	CHECK(strstr(exe, "exe.copy (deleted)"), "exe link %s", exe);
	CHECK(access("exe.copy", F_OK) < 0, "the name came back");
	wl_ok();
}
