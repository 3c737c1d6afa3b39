/*
 * State: twelve children that share one descriptor table and one file-system context with their parent.
 * Verify: they share them.
 */
#include "wl.h"
#include <linux/kcmp.h>

#define SHARERS 12

int main(void)
{
	pid_t kids[SHARERS];

	wl_init();
	for (int i = 0; i < SHARERS; i++) {
		kids[i] = SYS(syscall(SYS_clone, CLONE_FILES | CLONE_FS | SIGCHLD, 0, 0, 0, 0));
		if (!kids[i])
			for (;;)
				pause();
	}
	wl_ready();
	wl_wait();
	for (int i = 0; i < SHARERS; i++) {
		CHECK(syscall(SYS_kcmp, getpid(), kids[i], KCMP_FILES, 0, 0) == 0, "descriptors of %d", i);
		CHECK(syscall(SYS_kcmp, getpid(), kids[i], KCMP_FS, 0, 0) == 0, "directories of %d", i);
		SYS(kill(kids[i], SIGKILL));
		SYS(waitpid(kids[i], 0, 0));
	}
	wl_ok();
}
