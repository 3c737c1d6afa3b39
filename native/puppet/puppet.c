/*
 * The blob: an interpreter of system call batches that runs inside another task.
 *
 * It is freestanding and position independent, has no data of its own, and never
 * touches floating point state. Its stack and all its variables are in the ring
 * (layout.h) that its caller passes. What a resource needs is composed of
 * operations by TypeScript; operations beyond system calls exist only where a
 * round trip for each step would be needed instead, and say so below.
 */
#include "ops.h"

#define FUTEX_OWNER_DIED 0x40000000u
#define FUTEX_WAKE_ALL 0x7fffffff

struct ring {
	volatile u32 cmd, done, puppet_sleeps, crit_sleeps;
	volatile u32 nr_ops, failed, spin, on_death;
	volatile u64 leave_sp, leave_ip;
	volatile u32 *death;
	struct op *ops;
	struct op *cure;
	volatile u64 nr_cure;
	volatile u64 stop_ip;
	volatile u32 *inside;
};

AT(struct ring, done, RING_DONE);
AT(struct ring, puppet_sleeps, RING_PUPPET_SLEEPS);
AT(struct ring, crit_sleeps, RING_CRIT_SLEEPS);
AT(struct ring, nr_ops, RING_NR_OPS);
AT(struct ring, failed, RING_FAILED);
AT(struct ring, spin, RING_SPIN);
AT(struct ring, on_death, RING_ON_DEATH);
AT(struct ring, leave_sp, RING_LEAVE_SP);
AT(struct ring, leave_ip, RING_LEAVE_IP);
AT(struct ring, death, RING_DEATH_PTR);
AT(struct ring, ops, RING_OPS_PTR);
AT(struct ring, cure, RING_CURE_PTR);
AT(struct ring, nr_cure, RING_NR_CURE);
AT(struct ring, stop_ip, RING_STOP_IP);
AT(struct ring, inside, RING_INSIDE_PTR);

struct futex_waitv {
	u64 val, addr;
	u32 flags, pad;
};

/* Sleeps until the command word moves or the controller dies. */
static void sleep_on(struct ring *r, u32 seen)
{
	struct futex_waitv w[2];
	u32 death = *r->death;

	if (death & FUTEX_OWNER_DIED)
		return;
	w[0].val = seen;
	w[0].addr = (u64)&r->cmd;
	w[0].flags = 2; /* FUTEX2_SIZE_U32, shared */
	w[0].pad = 0;
	w[1].val = death;
	w[1].addr = (u64)r->death;
	w[1].flags = 2;
	w[1].pad = 0;
	arch_syscall(NR_futex_waitv, (u64)w, 2, 0, 0, 0, 0);
}

/*
 * Who leads the way out unmaps the area: the others must be out. Each counts itself out by FUTEX_WAKE_OP, which wakes
 * us. Not for ever: the controller may have died between counting a thread in and sending it here.
 */
static void wait_for_others(struct ring *r)
{
	s64 second[2] = {1, 0};
	u32 n;

	while (r->inside && (n = *r->inside) != 0)
		if (arch_syscall(NR_futex, (u64)r->inside, 0 /* FUTEX_WAIT */, n, (u64)second, 0, 0) == -110)
			break;
}

__attribute__((noreturn, used)) void puppet_loop(struct ring *r)
{
	for (;;) {
		u32 seen = r->done, spin = r->spin;
		s64 ran;

		while (r->cmd == seen && spin--)
			arch_pause();
		if (r->cmd == seen) {
			__atomic_store_n(&r->puppet_sleeps, 1, __ATOMIC_SEQ_CST);
			while (r->cmd == seen && !(*r->death & FUTEX_OWNER_DIED))
				sleep_on(r, seen);
			r->puppet_sleeps = 0;
		}
		if (r->cmd == seen) { /* the controller is gone and left no command */
			run_ops(r->cure, r->nr_cure);
			if (r->on_death == DEATH_EXIT)
				arch_syscall(NR_exit_group, 1, 0, 0, 0, 0, 0);
			wait_for_others(r);
			arch_leave(r->leave_sp, r->leave_ip);
		}
		ran = run_ops(r->ops, r->nr_ops);
		if (ran < 0)
			arch_leave(r->leave_sp, r->leave_ip);
		r->failed = ran;
		__atomic_store_n(&r->done, r->cmd, __ATOMIC_SEQ_CST);
		if (r->crit_sleeps)
			arch_syscall(NR_futex, (u64)&r->done, 1 /* FUTEX_WAKE */, FUTEX_WAKE_ALL, 0, 0, 0);
	}
}
