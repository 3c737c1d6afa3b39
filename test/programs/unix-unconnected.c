/*
 * State: a Unix socket that never was connected, and a pair of which one end has two descriptors.
 * Verify: the first is not connected, the second descriptor writes to the other end.
 */
#include "wl.h"
#include <sys/socket.h>

int main(void)
{
	int lone, twin, pair[2];
	char c = 0;

	wl_init();
	lone = SYS(socket(AF_UNIX, SOCK_SEQPACKET, 0));
	SYS(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	twin = SYS(dup(pair[0]));
	wl_ready();
	wl_wait();
	CHECK(recv(lone, &c, 1, MSG_DONTWAIT) < 0 && errno == ENOTCONN, "recv: %s", strerror(errno));
	SYS(write(twin, "y", 1));
	CHECK(read(pair[1], &c, 1) == 1 && c == 'y', "read %d", c);
	wl_ok();
}
