/*
 * State: a socket in flight in its own queue, twice.
 * Verify: what is received is the socket itself.
 */
#include "wl.h"
#include "in-flight.h"

int main(void)
{
	int loop[2], fds[2];

	wl_init();
	SYS(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, loop));
	give(loop[1], 1, 1, 1, &loop[0]);
	give(loop[1], 2, 2, 2, loop);
	wl_ready();
	wl_wait();
	GET(loop[0], 1, 1, 1, fds);
	CHECK(same(fds[0], loop[0]), "it is another socket");
	GET(fds[0], 2, 2, 2, fds);
	CHECK(same(fds[0], loop[0]) && same(fds[1], loop[1]), "they are other sockets");
	wl_ok();
}
