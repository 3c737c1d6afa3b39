// One system call made by a process that is there for that alone: of who makes, connects or listens on a unix socket the
// kernel notes number, user and groups (SO_PEERCRED), which nobody can set.
#define _GNU_SOURCE
#include <errno.h>
#include <linux/sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

struct caller {
	uint32_t uid, gid;
	const uint32_t *groups;
	size_t nr_groups;
	long nr;
	const uint64_t *arg;
	volatile long result;
};

// Shares memory and descriptors with us, who stand still: system calls alone, libc would change the ids of all threads.
static void make(struct caller *c)
{
	if (syscall(SYS_setgroups, c->nr_groups, c->groups) < 0 || syscall(SYS_setresgid, -1, c->gid, -1) < 0 ||
	    syscall(SYS_setresuid, -1, c->uid, -1) < 0 ||
	    (c->result = syscall(c->nr, c->arg[0], c->arg[1], c->arg[2], c->arg[3])) < 0)
		c->result = -errno;
	syscall(SYS_exit_group, 0);
}

// clone3(2) with a number of our choice. Returns what the call returns, or -errno.
long crit_call_as(int pid, uint32_t uid, uint32_t gid, const uint32_t *groups, size_t nr_groups, long nr, const uint64_t *arg)
{
	struct caller caller = { uid, gid, groups, nr_groups, nr, arg, -EINTR };
	const size_t size = 16384;
	char *stack = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (stack == MAP_FAILED)
		return -errno;
	struct clone_args args = {
		.flags = CLONE_VM | CLONE_VFORK | CLONE_FILES,
		.stack = (uintptr_t)stack,
		.stack_size = size,
		.set_tid = (uintptr_t)&pid,
		.set_tid_size = 1,
	};
	const uint64_t all = ~0ull;
	uint64_t old;
	syscall(SYS_rt_sigprocmask, SIG_SETMASK, &all, &old, sizeof(all)); // no handler of ours may run in the child
	long made;
	register struct clone_args *a0 __asm__("rdi") = &args;
	register size_t a1 __asm__("rsi") = sizeof(args);
	register struct caller *child_arg __asm__("r12") = &caller;
	register void (*child)(struct caller *) __asm__("r13") = make;
	__asm__ volatile("syscall\n\t"
			 "test %%rax, %%rax\n\t"
			 "jnz 1f\n\t"
			 "xor %%ebp, %%ebp\n\t"
			 "mov %%r12, %%rdi\n\t"
			 "call *%%r13\n\t"
			 "ud2\n"
			 "1:"
			 : "=a"(made)
			 : "a"(SYS_clone3), "r"(a0), "r"(a1), "r"(child_arg), "r"(child)
			 : "rcx", "r11", "memory");
	if (made > 0)
		while (syscall(SYS_wait4, made, NULL, __WALL, NULL) < 0 && errno == EINTR)
			;
	syscall(SYS_rt_sigprocmask, SIG_SETMASK, &old, NULL, sizeof(old));
	munmap(stack, size);
	return made < 0 ? made : caller.result;
}
