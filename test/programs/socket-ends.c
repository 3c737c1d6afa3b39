/*
 * State: unix sockets whose peer is closed, or which are shut down.
 * Verify: errors, events, what was sent before.
 */
#include "wl.h"
#include "look-at-sockets.h"

// Ends that are closed or shut down.
static int reset, reset_seq, half[2], quiet[2], alone, left, disconnected;

static void close_ends(void)
{
	int s[2];
	SYS(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, s));
	SYS(write(s[0], "unread", 6));
	SYS(write(s[1], "still here", 10));
	close(s[1]);
	reset = s[0];
	SYS(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, s));
	SYS(write(s[0], "unread", 6));
	close(s[1]);
	reset_seq = s[0];
	pair(SOCK_STREAM, half);
	SYS(shutdown(half[0], SHUT_WR));
	pair(SOCK_DGRAM, quiet);
	SYS(shutdown(quiet[0], SHUT_RD));
	alone = SYS(socket(AF_UNIX, SOCK_STREAM, 0));
	SYS(shutdown(alone, SHUT_WR));
	// the peer is closed, and that is not noticed yet
	SYS(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, s));
	SYS(shutdown(s[0], SHUT_WR));
	close(s[1]);
	left = s[0];
	// noticed: it has no peer any more, but still tells who that was
	SYS(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, s));
	close(s[1]);
	CHECK(write(s[0], "x", 1) < 0 && errno == ECONNREFUSED, "setup: %s", strerror(errno));
	disconnected = s[0];
	sockets[nr_sockets++] = reset;
	sockets[nr_sockets++] = reset_seq;
	sockets[nr_sockets++] = alone;
	sockets[nr_sockets++] = left;
	sockets[nr_sockets++] = disconnected;
}

static void check_ends(void)
{
	char text[32];
	CHECK(read(reset, text, sizeof(text)) == 10, "what a closed end had sent is gone");
	CHECK(read(reset, text, sizeof(text)) < 0 && errno == ECONNRESET, "no reset of a stream");
	CHECK(read(reset, text, sizeof(text)) == 0, "a reset stream has no end");
	CHECK(read(reset_seq, text, sizeof(text)) < 0 && errno == ECONNRESET, "no reset of a seqpacket socket");
	CHECK(read(half[1], text, sizeof(text)) == 0, "a stream that was shut down is open");
	CHECK(write(half[1], "x", 1) == 1, "the other half: %s", strerror(errno));
	CHECK(send(quiet[1], "x", 1, 0) < 0 && errno == EPIPE, "a datagram socket that was shut down: %s", strerror(errno));
	CHECK(send(left, "x", 1, MSG_NOSIGNAL) < 0 && errno == EPIPE, "its peer is closed, it was shut down: %s", strerror(errno));
	CHECK(write(disconnected, "x", 1) < 0 && errno == ENOTCONN, "a disconnected socket: %s", strerror(errno));
}

int main(void)
{
	signal(SIGPIPE, SIG_IGN);
	wl_init();
	SYS((long)syscall(SYS_setgroups, 0, NULL));
	close_ends();
	look_at_all();
	wl_ready();
	wl_wait();
	compare_all();
	check_ends();
	wl_ok();
}
