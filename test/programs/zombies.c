/*
 * State: a zombie with a name of its own, one whose process group has a dead leader, and one of another user.
 * Verify: names, groups, users and statuses.
 */
#include "wl.h"
#include <sys/prctl.h>

static void ends(pid_t pid, int status, unsigned uid)
{
	siginfo_t info = { .si_uid = -1 };

	SYS(waitid(P_PID, pid, &info, WEXITED));
	CHECK(info.si_code == CLD_EXITED && info.si_status == status, "status %d instead of %d", info.si_status, status);
	CHECK(info.si_uid == uid, "user %d instead of %u", info.si_uid, uid);
}

int main(void)
{
	char path[64], name[64] = "";
	pid_t named, leader, left, user;
	siginfo_t info;
	int p[2];

	wl_init();
	named = SYS(fork());
	if (!named) {
		SYS(prctl(PR_SET_NAME, "gone (by)"));
		_exit(9);
	}
	SYS(pipe(p));
	leader = SYS(fork());
	if (!leader) {
		SYS(setpgid(0, 0));
		left = SYS(syscall(SYS_clone, CLONE_PARENT | SIGCHLD, 0, 0, 0, 0));
		if (left)
			SYS(write(p[1], &left, sizeof(left)));
		_exit(left ? 0 : 7);
	}
	CHECK(read(p[0], &left, sizeof(left)) == sizeof(left), "setup: a child died");
	close(p[0]);
	close(p[1]);
	SYS(waitpid(leader, 0, 0));
	user = SYS(fork());
	if (!user) {
		SYS(setgid(1001));
		SYS(setuid(1000));
		_exit(5);
	}
	SYS(waitid(P_PID, named, &info, WEXITED | WNOWAIT));
	SYS(waitid(P_PID, left, &info, WEXITED | WNOWAIT));
	SYS(waitid(P_PID, user, &info, WEXITED | WNOWAIT));
	wl_ready();
	wl_wait();
	snprintf(path, sizeof(path), "/proc/%d/status", named);
	wl_proc_field(path, "Name", name, sizeof(name));
	CHECK(!strcmp(name, "gone (by)"), "name %s", name);
	CHECK(getpgid(left) == leader, "group %d instead of %d", getpgid(left), leader);
	ends(named, 9, 0);
	ends(left, 7, 0);
	ends(user, 5, 1000);
	wl_ok();
}
