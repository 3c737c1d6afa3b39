/* What the blob needs from aarch64: system calls (asm-generic/unistd.h), copies, and the way out. */
#ifndef CRIT_ARCH_H
#define CRIT_ARCH_H

#define NR_pread64 67
#define NR_exit_group 94
#define NR_futex 98
#define NR_clock_gettime 113
#define NR_mmap 222
#define NR_futex_waitv 449

static inline long arch_syscall(unsigned long nr, unsigned long a, unsigned long b, unsigned long c, unsigned long d,
				unsigned long e, unsigned long f)
{
	register unsigned long x8 __asm__("x8") = nr;
	register unsigned long x0 __asm__("x0") = a;
	register unsigned long x1 __asm__("x1") = b;
	register unsigned long x2 __asm__("x2") = c;
	register unsigned long x3 __asm__("x3") = d;
	register unsigned long x4 __asm__("x4") = e;
	register unsigned long x5 __asm__("x5") = f;

	__asm__ volatile("svc #0"
			 : "+r"(x0)
			 : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5)
			 : "memory");
	return x0;
}

/* Bytes one by one where they do not lie alike: written in assembly, or the compiler would call memcpy. */
static inline void arch_copy(char *to, const char *from, unsigned long n)
{
	unsigned long word;

	__asm__ volatile("1:	cmp	%2, #8\n"
			 "	b.lo	2f\n"
			 "	ldr	%3, [%1], #8\n"
			 "	str	%3, [%0], #8\n"
			 "	sub	%2, %2, #8\n"
			 "	b	1b\n"
			 "2:	cbz	%2, 3f\n"
			 "	ldrb	%w3, [%1], #1\n"
			 "	strb	%w3, [%0], #1\n"
			 "	sub	%2, %2, #1\n"
			 "	b	2b\n"
			 "3:"
			 : "+r"(to), "+r"(from), "+r"(n), "=&r"(word)
			 :
			 : "cc", "memory");
}

static inline void arch_pause(void)
{
	__asm__ volatile("yield" : : : "memory");
}

/* Hands over to a signal frame: the code at ip makes rt_sigreturn on it. */
static inline __attribute__((noreturn)) void arch_leave(unsigned long sp, unsigned long ip)
{
	__asm__ volatile("mov sp, %0; br %1" : : "r"(sp), "r"(ip));
	__builtin_unreachable();
}

/* entry.S: clone3 whose child starts in puppet_loop(ring) on the stack of clone_args */
long arch_clone(unsigned long args, unsigned long size, unsigned long ring);

#endif
