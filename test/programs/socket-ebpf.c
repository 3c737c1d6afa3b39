/*
 * State: a unix socket with a filter of eBPF, which cannot be read.
 * Verify: the filter drops everything.
 */
#include "wl.h"
#include <linux/bpf.h>
#include <sys/socket.h>

int main(void)
{
	int s[2];
	struct bpf_insn code[] = { { .code = BPF_ALU64 | BPF_MOV | BPF_K }, { .code = BPF_JMP | BPF_EXIT } };
	union bpf_attr attr = { .prog_type = BPF_PROG_TYPE_SOCKET_FILTER, .insn_cnt = 2, .insns = (uintptr_t)code, .license = (uintptr_t)"GPL" };
	char c;

	wl_init();
	int program = syscall(SYS_bpf, BPF_PROG_LOAD, &attr, sizeof(attr));
	CHECK(program >= 0, "setup: no eBPF: %s", strerror(errno));
	SYS(socketpair(AF_UNIX, SOCK_DGRAM, 0, s));
	SYS(setsockopt(s[0], SOL_SOCKET, SO_ATTACH_BPF, &program, sizeof(program)));
	close(program);
	wl_ready();
	wl_wait();
	SYS(write(s[1], "x", 1));
	CHECK(recv(s[0], &c, 1, MSG_DONTWAIT) < 0 && errno == EAGAIN, "the filter is gone");
	wl_ok();
}
