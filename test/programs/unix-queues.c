/*
 * State: unix socket pairs with queues of every shape: empty, large and many
 * messages, a closed end, an offset of peeking.
 * Verify: every message, its borders, the ends.
 */
#include "wl.h"
#include "bytes.h"
#include <sys/socket.h>

static void expect(int fd, long n, int seed)
{
	static char buffer[200000];
	ssize_t got = recv(fd, buffer, sizeof(buffer), MSG_DONTWAIT);
	CHECK(got == n && same(buffer, n, seed), "message of %ld bytes: got %zd", n, got);
}

int main(void)
{
	static char buffer[200000];
	static const int sizes[] = { 5, 5000, 60000, 1, 4096, 8192, 4097, 0, 3 };
	int dgram[2], seq[2], stream[2], left[2], one[2], n, off = 3, lonely;
	socklen_t length = sizeof(n);

	wl_init();
	SYS(socketpair(AF_UNIX, SOCK_DGRAM, 0, dgram));
	SYS(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, seq));
	SYS(socketpair(AF_UNIX, SOCK_STREAM, 0, stream));
	SYS(socketpair(AF_UNIX, SOCK_DGRAM, 0, left));
	SYS(socketpair(AF_UNIX, SOCK_DGRAM, 0, one));
	lonely = SYS(socket(AF_UNIX, SOCK_STREAM, 0));
	for (int i = 0; i < 9; i++) {
		fill(buffer, sizes[i], i);
		SYS(send(dgram[0], buffer, sizes[i], 0));
	}
	for (int i = 0; i < 100; i++) {
		fill(buffer, i, i);
		SYS(send(dgram[1], buffer, i, 0));
	}
	fill(buffer, 10000, 50);
	SYS(send(seq[0], buffer, 10000, 0));
	SYS(send(seq[0], buffer, 100, 0));
	fill(buffer, 150000, 60);
	SYS(send(stream[0], buffer, 150000, 0));
	fill(buffer, 77, 70);
	SYS(send(left[1], buffer, 77, 0));
	close(left[1]);
	SYS(send(one[0], "abcdef", 6, 0));
	SYS(setsockopt(one[1], SOL_SOCKET, SO_PEEK_OFF, &off, sizeof(off)));
	wl_ready();
	wl_wait();
	for (int i = 0; i < 9; i++)
		expect(dgram[1], sizes[i], i);
	for (int i = 0; i < 100; i++)
		expect(dgram[0], i, i);
	CHECK(recv(dgram[1], buffer, 1, MSG_DONTWAIT) < 0 && errno == EAGAIN, "one message too many");
	expect(seq[1], 10000, 50);
	expect(seq[1], 100, 50);
	expect(stream[1], 150000, 60);
	expect(left[0], 77, 70);
	CHECK(send(left[0], "x", 1, 0) < 0 && errno == ECONNREFUSED, "the closed end is open");
	SYS(getsockopt(one[1], SOL_SOCKET, SO_PEEK_OFF, &n, &length));
	CHECK(n == 3 || n == -1, "SO_PEEK_OFF %d", n);
	CHECK(send(lonely, "x", 1, MSG_NOSIGNAL) < 0 && errno == ENOTCONN, "unconnected socket: %s", strerror(errno));
	CHECK(recv(dgram[0], buffer, 1, MSG_DONTWAIT) < 0 && errno == EAGAIN, "one message too many");
	wl_ok();
}
