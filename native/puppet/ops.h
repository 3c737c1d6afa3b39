/*
 * The interpreter of system call batches. The blob runs it inside another task; the addon runs it for crit itself,
 * where a step into JavaScript for each call would cost more than the call (src/task/own.ts).
 */
#ifndef CRIT_OPS_H
#define CRIT_OPS_H

#include "layout.h"
#include "arch.h"

typedef unsigned int u32;
typedef unsigned long u64;
typedef long s64;

#define PAGE 4096ul

struct op {
	u32 nr;
	u32 ctl;
	u64 arg[6];
	s64 result;
};

struct op_iovec {
	char *base;
	u64 len;
};

#define AT(type, field, offset) _Static_assert(__builtin_offsetof(type, field) == offset, #field)
AT(struct op, ctl, OP_CTL);
AT(struct op, arg, OP_ARGS);
AT(struct op, result, OP_RESULT);
_Static_assert(sizeof(struct op) == OP_SIZE, "op");

#define OP_FAILED(r) ((u64)(r) >= (u64)-4095l)

/*
 * Moves a whole iovec list through preadv or pwritev: a short transfer advances
 * the list and goes on. One batch entry instead of one round trip per short read.
 * arg: syscall number, descriptor, iovecs, how many, file offset
 */
static s64 vector(u64 *a)
{
	struct op_iovec *iov = (struct op_iovec *)a[2];
	u64 left = a[3], offset = a[4];
	s64 total = 0;

	while (left) {
		s64 r = arch_syscall(a[0], a[1], (u64)iov, left > 1024 ? 1024 : left, offset, 0, 0);

		if (r == -4 /* EINTR */)
			continue;
		if (OP_FAILED(r))
			return r;
		if (r == 0)
			return -61; /* ENODATA: the file ends before the list does */
		total += r;
		offset += r;
		while (left && (u64)r >= iov->len) {
			r -= iov->len;
			iov++;
			left--;
		}
		if (left) {
			iov->base += r;
			iov->len -= r;
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

static s64 special(struct op *op, u64 *a)
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

static s64 run_ops(struct op *ops, u32 n)
{
	u32 i, k;

	for (i = 0; i < n; i++) {
		struct op *op = &ops[i];
		u64 a[6];
		s64 r;

		for (k = 0; k < 6; k++) {
			u64 v = op->arg[k];

			switch (op->ctl >> (2 * k) & 3) {
			case ARG_RESULT:
				v = ops[v].result;
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
		else if (op->nr == OP_LEAVE)
			return -1;
		else
			r = special(op, a);
		op->result = r;
		if (OP_FAILED(r) && !(op->ctl & CTL_CONTINUE))
			break;
	}
	return i;
}

#endif
