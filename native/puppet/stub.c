/*
 * The stub: a program that maps the control area at the address its plan wants and
 * jumps into the blob. It exists because a task must be executed once to have a
 * memory map of its own; the blob then unmaps it.
 */
#include "layout.h"
#include "arch.h"
#include "stub-arch.h"

#define MAP_AREA 0x100001 /* MAP_SHARED|MAP_FIXED_NOREPLACE */

struct params {
	unsigned long base, order_size, answer_size, answer_fd, ring, stack;
};

_Static_assert(__builtin_offsetof(struct params, stack) == STUB_PARAM_STACK - STUB_PARAMS, "params");

static int map(unsigned long at, unsigned long size, unsigned long prot, unsigned long fd)
{
	return arch_syscall(NR_mmap, at, size, prot, MAP_AREA, fd, 0) == (long)at;
}

__attribute__((noreturn, used)) void stub_main(void)
{
	struct params p;

	if (arch_syscall(NR_pread64, STUB_CONTROL_FD, (unsigned long)&p, sizeof(p), STUB_PARAMS, 0, 0) == sizeof(p) &&
	    map(p.base, p.order_size, 5 /* PROT_READ|EXEC */, STUB_CONTROL_FD) &&
	    map(p.base + p.order_size, p.answer_size, 3 /* PROT_READ|WRITE */, p.answer_fd))
		stub_enter(p.base, p.ring, p.stack);
	arch_syscall(NR_exit_group, 127, 0, 0, 0, 0, 0);
	__builtin_unreachable();
}
