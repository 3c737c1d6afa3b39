/*
 * State: NUMA policies of two threads, and of mappings: a preferred node, bound pages (one of them shared), a local one, none;
 * a child has inherited those of its parent.
 * Verify: modes, flags and nodes.
 */
#include "wl.h"
#include <pthread.h>

#define PG 4096
#define NODES 1024
/* linux/mempolicy.h */
enum { DEFAULT, PREFERRED, BIND, INTERLEAVE, LOCAL };
#define F_ADDR 2
#define F_STATIC_NODES (1 << 15)

static volatile int asked, answered;
static unsigned long one = 1;

static void check(const char *what, void *at, int wanted, unsigned long nodes)
{
	unsigned long mask[NODES / 64] = { 0 };
	int mode = -1;

	SYS(syscall(SYS_get_mempolicy, &mode, mask, NODES + 1, at, at ? F_ADDR : 0));
	CHECK(mode == wanted && mask[0] == nodes, "%s: mode %d, nodes %lx", what, mode, mask[0]);
}

static void *other(void *arg)
{
	SYS(syscall(SYS_set_mempolicy, INTERLEAVE | F_STATIC_NODES, &one, 64));
	asked = 1;
	while (asked != 2)
		wl_sleep_ms(1);
	check("the other thread", 0, INTERLEAVE | F_STATIC_NODES, 1);
	answered = 1;
	return arg;
}

int main(void)
{
	char *preferred, *bound, *local, *plain, *shared;
	pthread_t thread;
	pid_t kid;

	wl_init();
	CHECK(syscall(SYS_get_mempolicy, 0, 0, 0, 0, 0) == 0, "setup: this kernel knows no NUMA policies");
	preferred = SYS((char *)mmap(0, 4 * PG, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
	bound = preferred + PG;
	local = preferred + 2 * PG;
	plain = preferred + 3 * PG;
	shared = SYS((char *)mmap(0, 2 * PG, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
	preferred[0] = shared[0] = 1;
	SYS(syscall(SYS_mbind, preferred, PG, PREFERRED, &one, 64, 0));
	SYS(syscall(SYS_mbind, bound, PG, BIND, &one, 64, 0));
	SYS(syscall(SYS_mbind, local, PG, LOCAL, 0, 0, 0));
	SYS(syscall(SYS_mbind, shared, PG, BIND, &one, 64, 0));
	SYS(syscall(SYS_set_mempolicy, BIND, &one, 64));
	kid = SYS(fork());
	if (!kid) {
		wl_wait();
		check("child", 0, BIND, 1);
		check("child: preferred node", preferred, PREFERRED, 1);
		_exit(0);
	}
	pthread_create(&thread, 0, other, 0);
	while (!asked)
		wl_sleep_ms(1);
	wl_ready();
	wl_wait();
	asked = 2;
	pthread_join(thread, 0);
	CHECK(answered, "the other thread is gone");
	check("this thread", 0, BIND, 1);
	check("preferred node", preferred, PREFERRED, 1);
	check("bound page", bound, BIND, 1);
	check("local page", local, LOCAL, 0);
	check("plain page", plain, DEFAULT, 0);
	check("shared page", shared, BIND, 1);
	wl_child_verify(kid);
	wl_ok();
}
