/*
 * State: an io_uring with a poll in flight. It is refused by name.
 * Verify: the poll goes on.
 */
#include "wl.h"
#include "uring.h"

int main(void)
{
	struct ring r;
	struct io_uring_sqe *sqe;
	int p[2];

	wl_init();
	uring_setup(&r, 8, 0, 0);
	SYS(pipe(p));
	sqe = uring_sqe(&r, IORING_OP_POLL_ADD, 5);
	sqe->fd = p[0];
	sqe->poll32_events = 1;
	uring_submit(&r, 1, 0);
	wl_ready();
	wl_wait();
	CHECK(uring_unread(&r) == 0, "the poll has ended");
	SYS(write(p[1], "x", 1));
	SYS(uring_enter(r.fd, 0, 1, IORING_ENTER_GETEVENTS));
	uring_take(&r, 5, 1);
	wl_ok();
}
