/*
 * The blob: an interpreter of system call batches that runs inside another task. (The addon runs it for crit itself
 * too, where a step into JavaScript for each call would cost more than the call: native/addon/own.c.)
 *
 * It is freestanding and position independent, has no data of its own, and never
 * touches floating point state. Its stack and all its variables are in the ring
 * (layout.h) that its caller passes: what it is told lies where it cannot write. What a resource needs is composed of
 * operations by TypeScript; operations beyond system calls exist only where a
 * round trip for each step would be needed instead, and say so below.
 */
#include "layout.h"
#include "arch.h"

typedef unsigned int u32;
typedef unsigned long u64;
typedef long s64;

#define FUTEX_OWNER_DIED 0x40000000u
#define FUTEX_WAKE_ALL 0x7fffffff
#define PAGE 4096ul

struct op {
	u32 nr;
	u32 ctl;
	u64 arg[6];
};

struct cure {
	struct op op;
	u64 bytes;
};

/* What crit reads. Whoever can write to the task's memory can write here. */
struct answer {
	volatile u32 done, puppet_sleeps, failed, inside;
};

/* What crit tells: read-only here. */
struct ring {
	volatile u32 cmd, crit_sleeps, nr_ops, spin;
	volatile u32 on_death, nr_cures;
	volatile u64 leave_sp, leave_ip;
	volatile u32 *death;
	const struct op *ops;
	const struct cure *cures;
	struct answer *answer;
	s64 *results;
	volatile u32 *inside;
};

struct op_iovec {
	char *base;
	u64 len;
};

#define AT(type, field, offset) _Static_assert(__builtin_offsetof(type, field) == offset, #field)
AT(struct op, ctl, OP_CTL);
AT(struct op, arg, OP_ARGS);
_Static_assert(sizeof(struct op) == OP_SIZE, "op");
AT(struct cure, bytes, CURE_BYTES);
_Static_assert(sizeof(struct cure) == CURE_SIZE, "cure");
AT(struct ring, crit_sleeps, RING_CRIT_SLEEPS);
AT(struct ring, nr_ops, RING_NR_OPS);
AT(struct ring, spin, RING_SPIN);
AT(struct ring, on_death, RING_ON_DEATH);
AT(struct ring, nr_cures, RING_NR_CURES);
AT(struct ring, leave_sp, RING_LEAVE_SP);
AT(struct ring, leave_ip, RING_LEAVE_IP);
AT(struct ring, death, RING_DEATH_PTR);
AT(struct ring, ops, RING_OPS_PTR);
AT(struct ring, cures, RING_CURES_PTR);
AT(struct ring, answer, RING_ANSWER_PTR);
AT(struct ring, results, RING_RESULTS_PTR);
AT(struct ring, inside, RING_INSIDE_PTR);
AT(struct answer, done, ANSWER_DONE);
AT(struct answer, puppet_sleeps, ANSWER_PUPPET_SLEEPS);
AT(struct answer, failed, ANSWER_FAILED);
AT(struct answer, inside, ANSWER_INSIDE);

#define OP_FAILED(r) ((u64)(r) >= (u64)-4095l)

/*
 * Moves a whole iovec list through preadv or pwritev: after a short transfer it goes on where that ended, first with the
 * rest of the range alone (the list is read-only). One batch entry instead of one round trip per short read.
 * arg: syscall number, descriptor, iovecs, how many, file offset
 */
static s64 vector(u64 *a)
{
	const struct op_iovec *iov = (const struct op_iovec *)a[2];
	u64 left = a[3], offset = a[4], skip = 0;
	s64 total = 0;

	while (left) {
		struct op_iovec rest;
		s64 r;

		rest.base = iov->base + skip;
		rest.len = iov->len - skip;
		if (skip)
			r = arch_syscall(a[0], a[1], (u64)&rest, 1, offset, 0, 0);
		else
			r = arch_syscall(a[0], a[1], (u64)iov, left > 1024 ? 1024 : left, offset, 0, 0);
		if (r == -4 /* EINTR */)
			continue;
		if (OP_FAILED(r))
			return r;
		if (r == 0)
			return -61; /* ENODATA: the file ends before the list does */
		total += r;
		offset += r;
		skip += r;
		while (left && skip >= iov->len) {
			skip -= iov->len;
			iov++;
			left--;
		}
	}
	return total;
}

static int same_page(const u64 *a, const u64 *b)
{
	u32 i;

	for (i = 0; i < PAGE / sizeof(u64); i++)
		if (a[i] != b[i])
			return 0;
	return 1;
}

/*
 * Fills pages that a child shares copy-on-write with its parent: reads the dumped
 * bytes aside and writes only the pages that differ, so that equal ones stay shared.
 * Comparing outside would move every page through crit.
 * arg: descriptor, iovecs (whole pages), how many, file offset, scratch, its size
 * returns the number of pages written
 */
static s64 cow_fill(u64 *a)
{
	struct op_iovec *iov = (struct op_iovec *)a[1];
	u64 i, offset = a[3], written = 0;

	for (i = 0; i < a[2]; i++) {
		char *to = iov[i].base;
		u64 left = iov[i].len;

		while (left) {
			u64 want = left < a[5] ? left : a[5], got = 0, at;

			while (got < want) {
				s64 r = arch_syscall(NR_pread64, a[0], a[4] + got, want - got, offset + got, 0, 0);

				if (r == -4)
					continue;
				if (OP_FAILED(r))
					return r;
				if (r == 0)
					return -61;
				got += r;
			}
			for (at = 0; at < want; at += PAGE)
				if (!same_page((u64 *)(to + at), (u64 *)(a[4] + at))) {
					arch_copy(to + at, (char *)a[4] + at, PAGE);
					written++;
				}
			to += want;
			left -= want;
			offset += want;
		}
	}
	return written;
}

static s64 special(const struct op *op, u64 *a)
{
	switch (op->nr) {
	case OP_COPY: /* to, from, bytes: results into structures, structures onto stacks */
		arch_copy((char *)a[0], (char *)a[1], a[2]);
		return 0;
	case OP_ADD: /* addresses that depend on an earlier result */
		return a[0] + a[1];
	case OP_VECTOR:
		return vector(a);
	case OP_COW_FILL:
		return cow_fill(a);
	case OP_CLONE: /* clone_args, size, ring of the child: a child must begin in its own ring */
		return arch_clone(a[0], a[1], a[2]);
	}
	return -38;
}

/* Runs operations until one fails that must not, or the death word, if one is given, is marked. @returns how many succeeded */
static u32 run_ops(const struct op *ops, s64 *results, u32 n, const volatile u32 *death)
{
	u32 i, k;

	for (i = 0; i < n; i++) {
		const struct op *op = &ops[i];
		u64 a[6];
		s64 r;

		if (death && *death & FUTEX_OWNER_DIED)
			break;
		for (k = 0; k < 6; k++) {
			u64 v = op->arg[k];

			switch (op->ctl >> (2 * k) & 3) {
			case ARG_RESULT:
				v = results[v];
				break;
			case ARG_LOAD32:
				v = *(int *)v;
				break;
			case ARG_LOAD64:
				v = *(u64 *)v;
				break;
			}
			a[k] = v;
		}
		if (op->nr < OP_FIRST_SPECIAL)
			r = arch_syscall(op->nr, a[0], a[1], a[2], a[3], a[4], a[5]);
		else
			r = special(op, a);
		results[i] = r;
		if (OP_FAILED(r) && !(op->ctl & CTL_CONTINUE))
			break;
	}
	return i;
}

struct futex_waitv {
	u64 val, addr;
	u32 flags, pad;
};

/*
 * Sleeps until the command word moves or the controller dies. Of all who sleep on the death word the kernel wakes one
 * (handle_futex_death), and that one may be killed before it wakes the others, or must not make that call: so nobody
 * sleeps for long.
 */
static void sleep_on(struct ring *r, u32 seen)
{
	struct futex_waitv w[2];
	s64 until[2];
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
	arch_syscall(NR_clock_gettime, 1 /* CLOCK_MONOTONIC */, (u64)until, 0, 0, 0, 0);
	until[0] += 1;
	if (*r->death & FUTEX_OWNER_DIED)
		return; /* seccomp may be back */
	arch_syscall(NR_futex_waitv, (u64)w, 2, 0, (u64)until, 1, 0);
}

/*
 * Who leads the way out unmaps the area: the others must be out. Each counts itself out by FUTEX_WAKE_OP, which wakes
 * us. Not for ever: the controller may have died between counting a thread in and sending it here, and the word is one
 * that the task can write.
 */
static void wait_for_others(struct ring *r)
{
	s64 second[2] = {1, 0};
	u32 n, tries;

	for (tries = 0; tries < 10000 && r->inside && (n = *r->inside) != 0; tries++)
		if (arch_syscall(NR_futex, (u64)r->inside, 0 /* FUTEX_WAIT */, n, (u64)second, 0, 0) == -110)
			break;
}

static void controller_died(struct ring *r)
{
	u32 go = r->death[(AREA_GO - AREA_DEATH) / sizeof(u32)];
	u32 how = r->on_death & DEATH_HOW, quiet = r->on_death & DEATH_QUIET;
	u32 n;

	if (!quiet) {
		arch_syscall(NR_futex, (u64)r->death, 1 /* FUTEX_WAKE */, FUTEX_WAKE_ALL, 0, 0, 0);
		for (n = r->nr_cures; n--;) /* the last that was made first */
			run_ops(&r->cures[n].op, r->results, 1, 0);
	}
	if (how == DEATH_EXIT || (how == DEATH_ASK && !go)) {
		arch_syscall(NR_exit_group, 1, 0, 0, 0, 0, 0);
		__builtin_trap(); /* a filter has forbidden it, and all signals are blocked */
	}
	if (!quiet)
		wait_for_others(r);
	arch_leave(r->leave_sp, r->leave_ip);
}

__attribute__((noreturn, used)) void puppet_loop(struct ring *r)
{
	struct answer *answer = r->answer;
	const volatile u32 *watch;
	u32 seen = 0;

	for (;;) {
		u32 spin = r->spin;

		while (r->cmd == seen && spin--)
			arch_pause();
		if (r->cmd == seen && !(*r->death & FUTEX_OWNER_DIED)) {
			__atomic_store_n(&answer->puppet_sleeps, 1, __ATOMIC_SEQ_CST);
			while (r->cmd == seen && !(*r->death & FUTEX_OWNER_DIED))
				sleep_on(r, seen);
			answer->puppet_sleeps = 0;
		}
		if (r->cmd == seen)
			controller_died(r); /* and left no command */
		seen = r->cmd;
		watch = r->on_death & DEATH_WATCH ? r->death : 0;
		answer->failed = run_ops(r->ops, r->results, r->nr_ops, watch);
		__atomic_store_n(&answer->done, seen, __ATOMIC_SEQ_CST);
		if (r->crit_sleeps && !(watch && *watch & FUTEX_OWNER_DIED))
			arch_syscall(NR_futex, (u64)&answer->done, 1 /* FUTEX_WAKE */, FUTEX_WAKE_ALL, 0, 0, 0);
	}
}
