/*
 * State: a child has the ring of its parent's AIO context mapped: memory that
 * both see, and no context of the child's.
 * Verify: events of the parent show in the child, which can ask for none.
 */
#include "wl.h"
#include <linux/aio_abi.h>

int main(void)
{
	aio_context_t c = 0;
	struct iocb cb = { .aio_lio_opcode = IOCB_CMD_PREAD }, *p = &cb;
	struct wl_gate gate;
	pid_t child;

	wl_init();
	cb.aio_fildes = SYS(open("/dev/zero", O_RDONLY));
	SYS(syscall(SYS_io_setup, 1, &c));
	wl_gate_open(&gate);
	child = SYS(fork());
	if (!child) {
		wl_gate_done(&gate);
		wl_wait();
		CHECK(((unsigned *)c)[3] == 1, "the parent's event does not show");
		CHECK(syscall(SYS_io_submit, c, 1, &p) < 0, "a child has the context");
		_exit(0);
	}
	wl_gate_wait(&gate, 1);
	wl_ready();
	wl_wait();
	CHECK(syscall(SYS_io_submit, c, 1, &p) == 1, "submit");
	wl_child_verify(child);
	wl_ok();
}
