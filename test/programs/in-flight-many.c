/*
 * State: more messages with descriptors than are looked at at a time; the offset
 * of peeking is the program's.
 * Verify: each message with its descriptor, the offset.
 */
#include "wl.h"
#include "in-flight.h"

#define MANY 200

int main(void)
{
	int many[2], fds[1], off = 2, n, file;
	socklen_t length = sizeof(n);

	wl_init();
	file = make("passed", "many times");
	SYS(socketpair(AF_UNIX, SOCK_DGRAM, 0, many));
	for (int i = 0; i < MANY; i++)
		give(many[0], i + 1, i, 1, &file);
	SYS(setsockopt(many[1], SOL_SOCKET, SO_PEEK_OFF, &off, sizeof(off)));
	wl_ready();
	wl_wait();
	SYS(getsockopt(many[1], SOL_SOCKET, SO_PEEK_OFF, &n, &length));
	CHECK(n == off || n == -1, "SO_PEEK_OFF %d", n);
	for (int i = 0; i < MANY; i++) {
		GET(many[1], i + 1, i, 1, fds);
		CHECK(same(fds[0], file), "message %d: it is another file", i);
		close(fds[0]);
	}
	wl_ok();
}
