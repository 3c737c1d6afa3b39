/*
 * State: a child subreaper with a child, whose memory is large, and a zombie.
 * Verify: the order of its children, the memory.
 */
#include "wl.h"
#include <sys/prctl.h>

#define LARGE (8UL << 20)

static void children(char *text, size_t size)
{
	char path[64];
	int fd;

	memset(text, 0, size);
	snprintf(path, sizeof(path), "/proc/self/task/%d/children", getpid());
	fd = SYS(open(path, O_RDONLY));
	SYS(read(fd, text, size - 1));
	close(fd);
}

int main(void)
{
	char before[256], after[256], *large;
	pid_t kid, zombie;
	siginfo_t info;

	wl_init();
	SYS(prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0));
	large = SYS((char *)mmap(0, LARGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
	wl_fill(large, LARGE, 1);
	kid = SYS(fork());
	if (!kid) {
		wl_wait();
		CHECK(!wl_differs(large, LARGE, 1), "child: memory");
		_exit(0);
	}
	zombie = SYS(fork());
	if (!zombie)
		_exit(5);
	SYS(waitid(P_PID, zombie, &info, WEXITED | WNOWAIT));
	children(before, sizeof(before));
	wl_ready();
	wl_wait();
	children(after, sizeof(after));
	CHECK(!strcmp(before, after), "the children were %s, are %s", before, after);
	CHECK(!wl_differs(large, LARGE, 1), "memory");
	CHECK(waitpid(zombie, 0, 0) == zombie, "the zombie");
	wl_child_verify(kid);
	wl_ok();
}
