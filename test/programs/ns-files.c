/*
 * State: every file of /proc/self/ns open, one of them twice, one with flags of its own; a child has its parent's, taken by
 * the parent's pid.
 * Verify: they are the namespaces that the process is in, the flags are there, and one can be entered.
 */
#include "wl.h"

static const char *const kinds[] = { "cgroup", "ipc", "mnt", "net", "pid", "pid_for_children", "time", "user", "uts" };
#define NR ((int)(sizeof(kinds) / sizeof(*kinds)))
static int fds[NR];

static void open_all(pid_t pid)
{
	char path[64];
	for (int i = 0; i < NR; i++) {
		snprintf(path, sizeof(path), "/proc/%d/ns/%s", pid, kinds[i]);
		fds[i] = open(path, O_RDONLY | (i % 2 ? O_CLOEXEC : 0));
	}
}

static int all_there(void)
{
	char path[64];
	struct stat is, wanted;
	for (int i = 0; i < NR; i++) {
		snprintf(path, sizeof(path), "/proc/self/ns/%s", kinds[i]);
		if (fds[i] < 0)
			continue; /* a kernel without them */
		SYS(fstat(fds[i], &is));
		SYS(stat(path, &wanted));
		CHECK(is.st_dev == wanted.st_dev && is.st_ino == wanted.st_ino, "%s is another", kinds[i]);
		CHECK(SYS(fcntl(fds[i], F_GETFD)) == (i % 2 ? FD_CLOEXEC : 0), "%s: close-on-exec", kinds[i]);
	}
	return 0;
}

int main(void)
{
	wl_init();
	struct wl_gate g;
	wl_gate_open(&g);
	pid_t kid = SYS(fork());
	if (!kid) {
		open_all(getppid());
		wl_gate_done(&g);
		wl_wait();
		_exit(all_there());
	}
	open_all(getpid());
	int again = SYS(dup(fds[3]));
	SYS(fcntl(fds[3], F_SETFL, O_NONBLOCK));
	wl_gate_wait(&g, 1);
	wl_ready();
	wl_wait();
	all_there();
	CHECK(SYS(fcntl(again, F_GETFL)) & O_NONBLOCK, "the second descriptor is not the first");
	SYS(setns(again, CLONE_NEWNET));
	wl_child_verify(kid);
	wl_ok();
}
