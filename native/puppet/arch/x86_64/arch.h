/* What the blob needs from x86_64: system calls, string moves, and the way out. */
#ifndef CRIT_ARCH_H
#define CRIT_ARCH_H

#define NR_mmap 9
#define NR_pread64 17
#define NR_futex 202
#define NR_clock_gettime 228
#define NR_exit_group 231
#define NR_futex_waitv 449

static inline long arch_syscall(unsigned long nr, unsigned long a, unsigned long b, unsigned long c, unsigned long d,
				unsigned long e, unsigned long f)
{
	long ret;
	register unsigned long r10 __asm__("r10") = d;
	register unsigned long r8 __asm__("r8") = e;
	register unsigned long r9 __asm__("r9") = f;

	__asm__ volatile("syscall"
			 : "=a"(ret)
			 : "a"(nr), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return ret;
}

static inline void arch_copy(char *to, const char *from, unsigned long n)
{
	__asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(n) : : "memory");
}

static inline void arch_pause(void)
{
	__asm__ volatile("pause" : : : "memory");
}

/* Hands over to a signal frame: the restorer at ip runs rt_sigreturn on it. */
static inline __attribute__((noreturn)) void arch_leave(unsigned long sp, unsigned long ip)
{
	__asm__ volatile("mov %0, %%rsp; jmp *%1" : : "r"(sp), "a"(ip));
	__builtin_unreachable();
}

/* entry.S: clone3 whose child starts in puppet_loop(ring) on the stack of clone_args */
long arch_clone(unsigned long args, unsigned long size, unsigned long ring);

#endif
