/* How the stub starts and how it enters the blob. */
__asm__(".globl _start\n_start:\n\tmov x29, xzr\n\tmov x30, xzr\n\tbl stub_main\n\tudf #0\n");

static inline __attribute__((noreturn)) void stub_enter(unsigned long code, unsigned long ring, unsigned long stack)
{
	register unsigned long x0 __asm__("x0") = ring;

	__asm__ volatile("mov sp, %1; br %2" : : "r"(x0), "r"(stack), "r"(code));
	__builtin_unreachable();
}
