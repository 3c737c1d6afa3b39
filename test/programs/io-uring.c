/*
 * State: io_urings without requests in flight, in several modes: a plain one
 * with completions that nobody has read, a submission that the kernel has not
 * seen, an eventfd, registered files and buffers; one of a single issuer with
 * deferred work, whose ring is registered; one with large entries and no index
 * array; one that has asked for no completions; one that is disabled still; one
 * that parent and child use both.
 * Verify: counts, unread completions and entries; requests by registered file
 * and buffer; what the eventfd says; who may submit; what is refused still is.
 */
#include "wl.h"
#include "uring.h"
#include <sys/eventfd.h>
#include <sys/epoll.h>
#include <sys/uio.h>

#ifndef IORING_REGISTER_FILES_UPDATE2
#define IORING_REGISTER_FILES_UPDATE2 14
#endif
#define BUF 16384

static struct ring plain, single, large, quiet, disabled, common;
static char *buffer;
static int efd, data_fd, ring_index;

static void set_plain(void)
{
	struct io_uring_rsrc_register table = { .nr = 6, .flags = IORING_RSRC_REGISTER_SPARSE };
	struct io_uring_rsrc_update2 change = { .offset = 2, .nr = 1 };
	uint64_t tag = 4711;
	struct iovec v[2];

	uring_setup(&plain, 8, 0, 0);
	uring_nops(&plain, 1001);
	efd = SYS(eventfd(0, EFD_NONBLOCK));
	SYS(uring_register(plain.fd, IORING_REGISTER_EVENTFD, &efd, 1));
	data_fd = wl_mkfile("io-uring.data", BUF, 5);
	SYS(uring_register(plain.fd, IORING_REGISTER_FILES2, &table, sizeof(table)));
	change.data = (unsigned long)&data_fd;
	change.tags = (unsigned long)&tag;
	SYS(uring_register(plain.fd, IORING_REGISTER_FILES_UPDATE2, &change, sizeof(change)));
	buffer = SYS(mmap(NULL, 2 * BUF, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
	wl_fill(buffer, 2 * BUF, 9);
	v[0].iov_base = buffer + 100;
	v[0].iov_len = BUF;
	v[1].iov_base = NULL;
	v[1].iov_len = 0;
	SYS(uring_register(plain.fd, IORING_REGISTER_BUFFERS, v, 2));
	for (int i = 0; i < 3; i++)
		uring_sqe(&plain, IORING_OP_NOP, 300 + i);
	uring_submit(&plain, 3, 3);
	/* the kernel has not been told of this one */
	uring_sqe(&plain, IORING_OP_NOP, 400);
	uring_flush(&plain);
}

static void verify_plain(void)
{
	struct io_uring_sqe *sqe;
	uint64_t count = 0;
	int fd = -1;
	struct io_uring_rsrc_update2 change = { .offset = 2, .nr = 1, .data = (unsigned long)&fd };

	uring_check(&plain, "plain");
	CHECK(uring_unread(&plain) == 3, "%u completions wait", uring_unread(&plain));
	for (int i = 0; i < 3; i++)
		uring_take(&plain, 300 + i, 0);
	CHECK(read(efd, &count, 8) == 8 && count == 1, "the eventfd has %llu", (unsigned long long)count);
	CHECK(uring_enter(plain.fd, 1, 1, IORING_ENTER_GETEVENTS) == 1, "the entry that waited");
	uring_take(&plain, 400, 0);
	CHECK(read(efd, &count, 8) == 8 && count == 1, "the eventfd was told");
	sqe = uring_sqe(&plain, IORING_OP_READ_FIXED, 500);
	sqe->flags = IOSQE_FIXED_FILE;
	sqe->fd = 2;
	sqe->addr = (unsigned long)buffer + 100;
	sqe->len = 4096;
	sqe->off = 0;
	sqe->buf_index = 0;
	uring_submit(&plain, 1, 1);
	uring_take(&plain, 500, 4096);
	CHECK(!wl_differs(buffer + 100, 4096, 5), "what was read");
	/* a place in the table without a file, and a buffer that is none */
	sqe = uring_sqe(&plain, IORING_OP_READ_FIXED, 501);
	sqe->flags = IOSQE_FIXED_FILE;
	sqe->fd = 3;
	sqe->addr = (unsigned long)buffer + 100;
	sqe->len = 10;
	uring_submit(&plain, 1, 1);
	uring_take(&plain, 501, -EBADF);
	sqe = uring_sqe(&plain, IORING_OP_READ_FIXED, 502);
	sqe->fd = data_fd;
	sqe->addr = (unsigned long)buffer;
	sqe->len = 10;
	uring_submit(&plain, 1, 1);
	uring_take(&plain, 502, -EFAULT);
	/* its tag tells that the file has gone */
	SYS(uring_register(plain.fd, IORING_REGISTER_FILES_UPDATE2, &change, sizeof(change)));
	uring_take(&plain, 4711, 0);
	CHECK(uring_register(plain.fd, IORING_REGISTER_EVENTFD, &efd, 1) < 0 && errno == EBUSY, "an eventfd is registered");
	uring_nops(&plain, 20);
}

static void set_single(void)
{
	struct io_uring_rsrc_update reg = { .offset = 5 };

	uring_setup(&single, 4, IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_CQSIZE | IORING_SETUP_SUBMIT_ALL,
		    64);
	uring_nops(&single, 333);
	reg.data = single.fd;
	CHECK(SYS(uring_register(single.fd, IORING_REGISTER_RING_FDS, &reg, 1)) == 1, "registering a ring");
	ring_index = reg.offset;
}

static void verify_single(void)
{
	uring_check(&single, "single issuer");
	uring_sqe(&single, IORING_OP_NOP, 1);
	uring_flush(&single);
	CHECK(uring_enter(ring_index, 1, 1, IORING_ENTER_GETEVENTS | IORING_ENTER_REGISTERED_RING) == 1, "by its index: %s", strerror(errno));
	uring_take(&single, 1, 0);
	uring_nops(&single, 100);
	/* SUBMIT_ALL: a request that fails does not keep the others */
	uring_sqe(&single, 250, 2);
	uring_sqe(&single, IORING_OP_NOP, 3);
	uring_submit(&single, 2, 2);
	uring_take(&single, 2, -EINVAL);
	uring_take(&single, 3, 0);
	if (!fork()) {
		CHECK(uring_register(single.fd, IORING_REGISTER_PROBE, NULL, 0) < 0 && errno == EEXIST, "another one may use it: %s",
		      strerror(errno));
		_exit(0);
	}
	SYS(wait(NULL));
}

static void set_large(void)
{
	uring_setup(&large, 16, IORING_SETUP_SQE128 | IORING_SETUP_CQE32 | IORING_SETUP_NO_SQARRAY | IORING_SETUP_COOP_TASKRUN, 0);
	uring_nops(&large, 50);
	uring_sqe(&large, IORING_OP_NOP, 60);
	uring_submit(&large, 1, 1);
	wl_fill((char *)uring_sqe(&large, IORING_OP_NOP, 61) + 64, 64, 3);
}

static void verify_large(void)
{
	uring_check(&large, "large entries");
	uring_take(&large, 60, 0);
	CHECK(!wl_differs(large.sqes + ((large.tail - 1) & 15) * 128 + 64, 64, 3), "the second half of an entry");
	uring_submit(&large, 1, 1);
	uring_take(&large, 61, 0);
	uring_nops(&large, 40);
}

/* without a multiple of anything: completions are fewer than submissions */
static void set_quiet(void)
{
	uring_setup(&quiet, 4, 0, 0);
	for (int i = 0; i < 13; i++) {
		uring_sqe(&quiet, IORING_OP_NOP, i)->flags = IOSQE_CQE_SKIP_SUCCESS;
		uring_submit(&quiet, 1, 0);
	}
	uring_nops(&quiet, 5);
	uring_sqe(&quiet, IORING_OP_NOP, 6);
	uring_submit(&quiet, 1, 1);
}

static void verify_quiet(void)
{
	uring_check(&quiet, "no completions");
	uring_take(&quiet, 6, 0);
	uring_sqe(&quiet, IORING_OP_NOP, 7)->flags = IOSQE_IO_DRAIN;
	uring_submit(&quiet, 1, 1);
	uring_take(&quiet, 7, -EOPNOTSUPP);
	uring_nops(&quiet, 9);
}

/* completions without submissions */
static void message(struct ring *from, struct ring *to, uint64_t data)
{
	struct io_uring_sqe *sqe = uring_sqe(from, IORING_OP_MSG_RING, 900);

	sqe->fd = to->fd;
	sqe->len = 5;
	sqe->off = data;
	uring_submit(from, 1, 1);
	uring_take(from, 900, 0);
}

int main(void)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.u64 = 12 };
	int epoll, pid;

	wl_init();
	set_plain();
	set_single();
	set_large();
	set_quiet();
	uring_setup(&disabled, 32, IORING_SETUP_R_DISABLED, 0);
	uring_setup(&common, 8, 0, 0);
	uring_nops(&common, 3);
	for (int i = 0; i < 21; i++) {
		message(&single, &common, 800 + i);
		uring_take(&common, 800 + i, 5);
	}
	message(&single, &common, 850);
	SYS(fcntl(common.fd, F_SETFD, 0));
	epoll = SYS(epoll_create1(0));
	SYS(epoll_ctl(epoll, EPOLL_CTL_ADD, common.fd, &ev));
	pid = SYS(fork());
	if (!pid) {
		wl_wait();
		uring_check(&common, "of the child");
		uring_take(&common, 850, 5);
		uring_nops(&common, 10);
		_exit(0);
	}
	wl_ready();
	wl_wait();
	CHECK(epoll_wait(epoll, &ev, 1, 0) == 1 && ev.data.u64 == 12, "the epoll sees a completion");
	wl_child_verify(pid);
	CHECK(epoll_wait(epoll, &ev, 1, 0) == 0, "the epoll sees that the child took it");
	common.tail = *WORD(&common, common.p.sq_off.tail);
	common.head = *WORD(&common, common.p.cq_off.head);
	CHECK(common.tail == 13 && common.head == 35, "of parent and child: %u and %u", common.tail, common.head);
	uring_nops(&common, 10);
	CHECK(fcntl(common.fd, F_GETFD) == 0 && fcntl(plain.fd, F_GETFD) == FD_CLOEXEC, "flags of descriptors");
	verify_plain();
	verify_single();
	verify_large();
	verify_quiet();
	uring_sqe(&disabled, IORING_OP_NOP, 1);
	uring_flush(&disabled);
	CHECK(uring_enter(disabled.fd, 1, 0, 0) < 0 && errno == EBADFD, "the disabled ring: %s", strerror(errno));
	SYS(uring_register(disabled.fd, IORING_REGISTER_ENABLE_RINGS, NULL, 0));
	SYS(uring_enter(disabled.fd, 1, 1, IORING_ENTER_GETEVENTS));
	uring_take(&disabled, 1, 0);
	message(&disabled, &common, 860);
	uring_take(&common, 860, 5);
	unlink("io-uring.data");
	wl_ok();
}
