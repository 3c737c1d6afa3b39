// A unix socket pair made by a process that is there for that alone: the kernel notes its number, user and groups with
// the pair (SO_PEERCRED), which nobody can set.
#define _GNU_SOURCE
#include <errno.h>
#include <linux/sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

struct maker {
	int type;
	uint32_t uid, gid;
	const uint32_t *groups;
	size_t nr_groups;
	int *pair;
	volatile int error;
};

// Shares memory and descriptors with us, who stand still: system calls alone, libc would change the ids of all threads.
static void make(struct maker *m)
{
	if (syscall(SYS_setgroups, m->nr_groups, m->groups) < 0 || syscall(SYS_setresgid, -1, m->gid, -1) < 0 ||
	    syscall(SYS_setresuid, -1, m->uid, -1) < 0 ||
	    syscall(SYS_socketpair, AF_UNIX, m->type | SOCK_CLOEXEC, 0, m->pair) < 0)
		m->error = errno;
	syscall(SYS_exit_group, 0);
}

// clone3(2) with a number of our choice. Returns 0 or -errno.
long crit_pair_as(int pid, int type, uint32_t uid, uint32_t gid, const uint32_t *groups, size_t nr_groups, int *pair)
{
	struct maker maker = { type, uid, gid, groups, nr_groups, pair, 0 };
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
	register struct maker *child_arg __asm__("r12") = &maker;
	register void (*child)(struct maker *) __asm__("r13") = make;
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
	return made < 0 ? made : -maker.error;
}
