/* How the stub starts and how it enters the blob. */
__asm__(".globl _start\n_start:\n\txor %ebp, %ebp\n\tand $-16, %rsp\n\tcall stub_main\n\tud2\n");

static inline __attribute__((noreturn)) void stub_enter(unsigned long code, unsigned long ring, unsigned long stack)
{
	__asm__ volatile("mov %1, %%rsp; jmp *%2" : : "D"(ring), "r"(stack), "a"(code));
	__builtin_unreachable();
}
