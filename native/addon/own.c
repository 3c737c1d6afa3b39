/* The blob's interpreter for crit's own system calls (src/task/own.ts). */
#include "../puppet/puppet.c"

/* A clone into a ring is the blob's alone: here it would copy Node. */
long arch_clone(unsigned long args, unsigned long size, unsigned long ring)
{
	(void)args, (void)size, (void)ring;
	return -38; /* ENOSYS */
}

unsigned crit_run_ops(const void *ops, void *results, unsigned n) { return run_ops(ops, results, n, 0); }
