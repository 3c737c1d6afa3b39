/*
 * State: a descriptor in flight from one process to another.
 * Verify: the child receives it; it shares its position with the parent's.
 */
#include "wl.h"
#include "in-flight.h"

int main(void)
{
	int two[2], fds[1], file;
	pid_t child;

	wl_init();
	SYS(socketpair(AF_UNIX, SOCK_STREAM, 0, two));
	if (!(child = SYS(fork()))) {
		close(two[0]);
		wl_wait();
		GET(two[1], 2, 1, 1, fds);
		CHECK(lseek(fds[0], 0, SEEK_CUR) == 4, "position in the child");
		SYS(lseek(fds[0], 6, SEEK_SET));
		_exit(0);
	}
	close(two[1]);
	file = make("passed", "from parent to child");
	SYS(lseek(file, 4, SEEK_SET));
	give(two[0], 2, 1, 1, &file);
	wl_ready();
	wl_wait();
	wl_child_verify(child);
	CHECK(lseek(file, 0, SEEK_CUR) == 6, "the child's file is another one");
	wl_ok();
}
