/*
 * State: all memory to be merged where it is alike (PR_SET_MEMORY_MERGE), and not in a child.
 * Verify: both settings.
 */
#include "wl.h"
#include <sys/prctl.h>

#ifndef PR_SET_MEMORY_MERGE
#define PR_SET_MEMORY_MERGE 67
#define PR_GET_MEMORY_MERGE 68
#endif

int main(void)
{
	struct wl_gate g;
	pid_t kid;

	wl_init();
	wl_gate_open(&g);
	kid = SYS(fork());
	if (!kid) {
		wl_gate_done(&g);
		wl_wait();
		CHECK(prctl(PR_GET_MEMORY_MERGE, 0, 0, 0, 0) == 0, "child: merged");
		_exit(0);
	}
	wl_gate_wait(&g, 1);
	CHECK(prctl(PR_SET_MEMORY_MERGE, 1, 0, 0, 0) == 0, "setup: this kernel merges no memory");
	wl_ready();
	wl_wait();
	CHECK(prctl(PR_GET_MEMORY_MERGE, 0, 0, 0, 0) == 1, "not merged any more");
	wl_child_verify(kid);
	wl_ok();
}
