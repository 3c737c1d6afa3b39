/* io_uring by system calls alone: rings, submissions, completions. */
#ifndef URING_H
#define URING_H
#include "wl.h"
#include <linux/io_uring.h>

#ifndef IORING_SETUP_NO_SQARRAY
#define IORING_SETUP_NO_SQARRAY (1U << 16)
#endif

struct ring {
	int fd;
	struct io_uring_params p;
	char *rings;
	char *sqes;
	size_t rings_len, sqes_len, sqe_size, cqe_size;
	unsigned tail, head;	/* as a library keeps them */
};

#define WORD(r, off) ((volatile unsigned *)((r)->rings + (off)))

static UNUSED long uring_enter(int fd, unsigned submit, unsigned wait, unsigned flags)
{
	return syscall(SYS_io_uring_enter, fd, submit, wait, flags, NULL, 0);
}

static UNUSED long uring_register(int fd, unsigned op, void *arg, unsigned nr)
{
	return syscall(SYS_io_uring_register, fd, op, arg, nr);
}

static UNUSED void uring_map(struct ring *r)
{
	size_t sq = r->p.flags & IORING_SETUP_NO_SQARRAY ? 0 : r->p.sq_off.array + r->p.sq_entries * 4;
	size_t cq;

	r->sqe_size = r->p.flags & IORING_SETUP_SQE128 ? 128 : 64;
	r->cqe_size = r->p.flags & IORING_SETUP_CQE32 ? 32 : 16;
	cq = r->p.cq_off.cqes + r->p.cq_entries * r->cqe_size;
	r->rings_len = sq > cq ? sq : cq;
	r->sqes_len = r->p.sq_entries * r->sqe_size;
	r->rings = SYS(mmap(NULL, r->rings_len, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, r->fd, IORING_OFF_SQ_RING));
	r->sqes = SYS(mmap(NULL, r->sqes_len, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, r->fd, IORING_OFF_SQES));
}

static UNUSED void uring_setup(struct ring *r, unsigned entries, unsigned flags, unsigned cq_entries)
{
	memset(r, 0, sizeof(*r));
	r->p.flags = flags;
	r->p.cq_entries = cq_entries;
	r->fd = SYS(syscall(SYS_io_uring_setup, entries, &r->p));
	uring_map(r);
}

/* a fresh submission entry, told by its place in the order */
static UNUSED struct io_uring_sqe *uring_sqe(struct ring *r, int opcode, uint64_t data)
{
	unsigned mask = r->p.sq_entries - 1, at = r->tail & mask;
	struct io_uring_sqe *sqe = (void *)(r->sqes + at * r->sqe_size);

	memset(sqe, 0, r->sqe_size);
	sqe->opcode = opcode;
	sqe->user_data = data;
	if (!(r->p.flags & IORING_SETUP_NO_SQARRAY))
		*WORD(r, r->p.sq_off.array + 4 * at) = at;
	r->tail++;
	return sqe;
}

static UNUSED void uring_flush(struct ring *r)
{
	__atomic_store_n(WORD(r, r->p.sq_off.tail), r->tail, __ATOMIC_RELEASE);
}

static UNUSED void uring_submit(struct ring *r, unsigned n, unsigned wait)
{
	long done;

	uring_flush(r);
	done = SYS(uring_enter(r->fd, n, wait, wait ? IORING_ENTER_GETEVENTS : 0));
	CHECK(done == (long)n, "%ld of %u were submitted", done, n);
}

static UNUSED unsigned uring_unread(struct ring *r)
{
	return __atomic_load_n(WORD(r, r->p.cq_off.tail), __ATOMIC_ACQUIRE) - r->head;
}

/* takes one completion, which must be this one */
static UNUSED void uring_take(struct ring *r, uint64_t data, int res)
{
	struct io_uring_cqe *cqe = (void *)(r->rings + r->p.cq_off.cqes + (r->head & (r->p.cq_entries - 1)) * r->cqe_size);

	CHECK(uring_unread(r) > 0, "no completion for %llu", (unsigned long long)data);
	CHECK(cqe->user_data == data && cqe->res == res, "completion %llu: %d, not %llu: %d", (unsigned long long)cqe->user_data,
	      cqe->res, (unsigned long long)data, res);
	r->head++;
	__atomic_store_n(WORD(r, r->p.cq_off.head), r->head, __ATOMIC_RELEASE);
}

/* so many requests that do nothing, one after the other */
static UNUSED void uring_nops(struct ring *r, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		uring_sqe(r, IORING_OP_NOP, 77 + i);
		uring_submit(r, 1, 1);
		uring_take(r, 77 + i, 0);
	}
}

static UNUSED void uring_check(struct ring *r, const char *name)
{
	CHECK(*WORD(r, r->p.sq_off.ring_mask) == r->p.sq_entries - 1 && *WORD(r, r->p.cq_off.ring_mask) == r->p.cq_entries - 1,
	      "%s: masks", name);
	CHECK(*WORD(r, r->p.cq_off.head) == r->head, "%s: head %u, not %u", name, *WORD(r, r->p.cq_off.head), r->head);
}
#endif
