// Operations that are run by a process of their own, which shares crit's memory and descriptors: what it has begun it
// finishes, also when crit is killed meanwhile.
#define _GNU_SOURCE
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

unsigned crit_run_ops(const void *ops, void *results, unsigned n);

struct apart {
	const void *ops;
	void *results;
	unsigned n;
	volatile unsigned ran;
};

static int work(void *arg)
{
	struct apart *a = arg;
	// a signal to crit's process group is not for it
	syscall(SYS_setpgid, 0, 0);
	a->ran = crit_run_ops(a->ops, a->results, a->n);
	syscall(SYS_exit_group, 0);
	return 0;
}

// Returns how many operations succeeded, or -errno when there is no such process.
long crit_run_ops_apart(const void *ops, void *results, unsigned n)
{
	const size_t size = 65536;
	// its fields stay when crit's stack goes
	char *room = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (room == MAP_FAILED)
		return -errno;
	struct apart *a = (struct apart *)room;
	*a = (struct apart){ops, results, n, 0};
	sigset_t all, old;
	sigfillset(&all);
	syscall(SYS_rt_sigprocmask, SIG_SETMASK, &all, &old, 8); // no handler of ours may run in the child
	int pid = clone(work, room + size, CLONE_VM | CLONE_FILES | CLONE_VFORK, a);
	long result = pid < 0 ? -errno : 0;
	if (pid > 0) {
		while (waitpid(pid, NULL, __WALL) < 0 && errno == EINTR)
			;
		result = a->ran;
	}
	syscall(SYS_rt_sigprocmask, SIG_SETMASK, &old, NULL, 8);
	munmap(room, size);
	return result;
}
