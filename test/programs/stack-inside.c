/*
 * State: a thread waits on a stack that lies in the middle of its own stack, with data below.
 * Verify: the data, which is further down than anything the kernel leaves alone below a stack.
 */
#include "wl.h"

#define BELOW 65536
#define INNER 1024

static void on_inner_stack(void *set)
{
	while (syscall(SYS_rt_sigtimedwait, set, 0, 0, 8) != SIGUSR1)
		;
}

static void __attribute__((noinline)) wait_inside(sigset_t *set)
{
	char room[BELOW + INNER];
	void *top = (void *)(((unsigned long)room + sizeof(room)) & ~15UL);

	wl_fill(room, BELOW, 1);
	wl_ready();
	__asm__ volatile("mov %%rsp, %%rbx\n\tmov %0, %%rsp\n\tcall *%1\n\tmov %%rbx, %%rsp"
			 : : "r"(top), "r"(on_inner_stack), "D"(set)
			 : "rbx", "rax", "rcx", "rdx", "rsi", "r8", "r9", "r10", "r11", "memory", "cc");
	/* what the waiting itself has used of the inner stack is above */
	CHECK(!wl_differs(room, BELOW, 1), "what lies below the inner stack");
}

int main(void)
{
	sigset_t set;

	wl_init();
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	syscall(SYS_getpid); /* finding a function for the first time takes more stack than there is */
	wait_inside(&set);
	wl_ok();
}
