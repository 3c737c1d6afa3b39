/*
 * The stub: a program that maps the control area at the address its plan wants and
 * jumps into the blob. It exists because a task must be executed once to have a
 * memory map of its own; the blob then unmaps it.
 */
#include "layout.h"
#include "arch.h"
#include "stub-arch.h"

#define NR_mmap 9

__attribute__((noreturn, used)) void stub_main(void)
{
	unsigned long param[3];
	long r;

	r = arch_syscall(NR_pread64, STUB_CONTROL_FD, (unsigned long)param, sizeof(param), STUB_PARAMS, 0, 0);
	if (r == sizeof(param)) {
		/* PROT_READ|WRITE|EXEC, MAP_SHARED|MAP_FIXED_NOREPLACE */
		r = arch_syscall(NR_mmap, param[0], param[1], 7, 0x100001, STUB_CONTROL_FD, 0);
		if (r == (long)param[0])
			stub_enter(param[0], param[2], param[2] + RING_HEADER_SIZE + PUPPET_STACK_SIZE);
	}
	arch_syscall(NR_exit_group, 127, 0, 0, 0, 0, 0);
	__builtin_unreachable();
}
