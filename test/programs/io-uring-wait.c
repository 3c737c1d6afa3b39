/*
 * State: an io_uring that has had a worker thread of the kernel's; a thread
 * that waits for a completion of another ring, with nothing in flight.
 * Verify: the wait goes on and ends with a message; workers are there again.
 */
#include "wl.h"
#include "uring.h"
#include <pthread.h>

static struct ring waited, other;
static volatile int woken, tid;

static void *waits(void *arg)
{
	long r;

	tid = syscall(SYS_gettid);
	r = uring_enter(waited.fd, 0, 1, IORING_ENTER_GETEVENTS);
	woken = r == 0 ? 1 : -errno;
	return arg;
}

static void work(void)
{
	uring_sqe(&other, IORING_OP_NOP, 5)->flags = IOSQE_ASYNC;
	uring_submit(&other, 1, 1);
	uring_take(&other, 5, 0);
}

int main(void)
{
	struct io_uring_sqe *sqe;
	pthread_t thread;
	char state[64] = "";

	wl_init();
	uring_setup(&waited, 8, 0, 0);
	uring_setup(&other, 8, 0, 0);
	work();
	CHECK(!pthread_create(&thread, NULL, waits, NULL), "a thread");
	/* the thread sleeps when it has gone to sleep */
	for (int i = 0; i < 1000 && !strchr(state, 'S'); i++) {
		char file[64];

		wl_sleep_ms(5);
		snprintf(file, sizeof(file), "/proc/self/task/%d/status", tid);
		if (tid)
			wl_proc_field(file, "State", state, sizeof(state));
	}
	wl_ready();
	wl_wait();
	CHECK(!woken, "the wait has ended: %d", woken);
	work();
	sqe = uring_sqe(&other, IORING_OP_MSG_RING, 6);
	sqe->fd = waited.fd;
	sqe->len = 1;
	sqe->off = 7;
	uring_submit(&other, 1, 1);
	uring_take(&other, 6, 0);
	CHECK(!pthread_join(thread, NULL) && woken == 1, "the wait said %d", woken);
	uring_take(&waited, 7, 1);
	wl_ok();
}
