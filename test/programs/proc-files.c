/*
 * State: files of /proc that belong to processes of the tree: its own and its child's status, opened by pid and by "self"; what
 * tells of a descriptor of either; a file of the network; a child in its parent's task directory.
 * Verify: what the links lead to, and what reading gives.
 */
#include "wl.h"

static void leads_to(pid_t pid, const char *link, const char *wanted)
{
	char path[64], is[256] = "";

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, link);
	SYS(readlink(path, is, sizeof(is) - 1));
	CHECK(!strcmp(is, wanted), "%s leads to %s instead of %s", path, is, wanted);
}

int main(void)
{
	char path[64], link[64], text[64] = "";
	int own, childs, comm, info, kids, net;
	struct wl_gate g;
	pid_t kid;

	wl_init();
	wl_gate_open(&g);
	own = SYS(open("/proc/self/status", O_RDONLY));
	kid = SYS(fork());
	if (!kid) {
		snprintf(path, sizeof(path), "/proc/%d/task", getppid());
		SYS(chdir(path));
		childs = SYS(open("/proc/self/stat", O_RDONLY));
		CHECK(dup2(childs, own) == own, "setup: dup2");
		close(childs);
		wl_gate_done(&g);
		wl_wait();
		_exit(0);
	}
	wl_gate_wait(&g, 1);
	snprintf(path, sizeof(path), "/proc/%d/comm", kid);
	comm = SYS(open(path, O_RDONLY));
	SYS(dup2(1, 4));
	info = SYS(open("/proc/self/fdinfo/4", O_RDONLY));
	snprintf(path, sizeof(path), "/proc/%d/fdinfo/0", kid);
	kids = SYS(open(path, O_RDONLY));
	net = SYS(open("/proc/net/dev", O_RDONLY));
	wl_ready();
	wl_wait();
	CHECK(read(comm, text, sizeof(text)) == 11 && !strncmp(text, "proc-files\n", 11), "name of the child: %s", text);
	CHECK(pread(info, text, 3, 0) == 3 && !strncmp(text, "pos", 3), "information on a descriptor: %s", text);
	CHECK(pread(kids, text, 3, 0) == 3 && !strncmp(text, "pos", 3), "that of the child: %s", text);
	CHECK(pread(net, text, 5, 0) == 5 && !strncmp(text, "Inter", 5), "network devices: %s", text);
	snprintf(path, sizeof(path), "/proc/%d/fdinfo/4", getpid());
	snprintf(link, sizeof(link), "fd/%d", info);
	leads_to(getpid(), link, path);
	snprintf(link, sizeof(link), "fd/%d", own);
	snprintf(path, sizeof(path), "/proc/%d/status", getpid());
	leads_to(getpid(), link, path);
	snprintf(path, sizeof(path), "/proc/%d/stat", kid);
	leads_to(kid, link, path);
	snprintf(path, sizeof(path), "/proc/%d/task", getpid());
	leads_to(kid, "cwd", path);
	wl_child_verify(kid);
	wl_ok();
}
