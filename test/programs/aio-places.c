/*
 * State: AIO contexts at the places 1 and 5 of the kernel's table, others are
 * gone; an event waits in one.
 * Verify: they have their places, the free ones are given away in order.
 */
#include "wl.h"
#include <linux/aio_abi.h>

static unsigned place(aio_context_t c)
{
	return *(unsigned *)c;
}

int main(void)
{
	aio_context_t c[6] = { 0 };
	struct timespec ts = { 2, 0 };
	struct iocb cb = { .aio_lio_opcode = IOCB_CMD_PREAD, .aio_data = 77 }, *p = &cb;
	struct io_event e;

	wl_init();
	for (int i = 0; i < 6; i++) {
		SYS(syscall(SYS_io_setup, 1 + 200 * i, &c[i]));
		CHECK(place(c[i]) == (unsigned)i, "setup: places");
	}
	cb.aio_fildes = SYS(open("/dev/zero", O_RDONLY));
	CHECK(syscall(SYS_io_submit, c[5], 1, &p) == 1, "setup: submit");
	for (int i = 0; i < 5; i++)
		if (i != 1)
			SYS(syscall(SYS_io_destroy, c[i]));
	wl_ready();
	wl_wait();
	CHECK(place(c[1]) == 1 && place(c[5]) == 5, "places %u and %u", place(c[1]), place(c[5]));
	for (int i = 0; i < 5; i++) {
		if (i == 1)
			continue;
		c[i] = 0;
		SYS(syscall(SYS_io_setup, 1, &c[i]));
		CHECK(place(c[i]) == (unsigned)i, "the free place %d is not", i);
	}
	CHECK(syscall(SYS_io_getevents, c[5], 1, 1, &e, &ts) == 1 && e.data == 77 && e.obj == (uintptr_t)&cb, "the event");
	CHECK(syscall(SYS_io_submit, c[1], 1, &p) == 1, "submit: %s", strerror(errno));
	wl_ok();
}
