// A process that is there only to have ended: pidfds tell how theirs did (PIDFD_INFO_EXIT), which nobody can set.
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

// A copy of us: a signal that has memory dumped must not find ours, not even by a program (core(5): "|").
static void end(int status)
{
	const int sig = status & 0x7f;
	const uint64_t none = 0;
	const uint64_t action[4] = { (uintptr_t)SIG_DFL };
	if (sig && syscall(SYS_prctl, PR_SET_DUMPABLE, 0, 0, 0, 0) == 0) {
		syscall(SYS_rt_sigaction, sig, action, NULL, sizeof(none));
		syscall(SYS_kill, syscall(SYS_getpid), sig);
		syscall(SYS_rt_sigprocmask, SIG_SETMASK, &none, NULL, sizeof(none));
	}
	syscall(SYS_exit_group, status >> 8 & 0xff);
}

// Returns the number of the zombie, or -errno. No signal tells of its end, and no handler of ours runs in it.
long crit_end_as(int status)
{
	const uint64_t all = ~0ull;
	uint64_t old;
	syscall(SYS_rt_sigprocmask, SIG_SETMASK, &all, &old, sizeof(all));
	const long made = syscall(SYS_clone, 0, NULL, NULL, NULL, NULL);
	const int error = errno;
	if (made == 0)
		end(status);
	siginfo_t info;
	if (made > 0)
		while (syscall(SYS_waitid, P_PID, made, &info, WEXITED | WNOWAIT | __WALL, NULL) < 0 && errno == EINTR)
			;
	syscall(SYS_rt_sigprocmask, SIG_SETMASK, &old, NULL, sizeof(old));
	return made < 0 ? -error : made;
}
