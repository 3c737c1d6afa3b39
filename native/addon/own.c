/* The blob's interpreter for crit's own system calls (src/task/own.ts). */
#include "../puppet/puppet.c"

/* A clone into a ring is the blob's alone: here it would copy Node. */
long arch_clone(unsigned long args, unsigned long size, unsigned long ring)
{
	(void)args, (void)size, (void)ring;
	return -38; /* ENOSYS */
}

long crit_run_ops(void *ops, unsigned n) { return run_ops(ops, n); }
