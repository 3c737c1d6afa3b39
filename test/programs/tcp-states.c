// options: --tcp-established
// network: own
/*
 * State: TCP connections with both ends in the tree, of IPv4, IPv6 and IPv4 on IPv6 sockets: with more written than the
 * other end has room for, with one end shut down (FIN_WAIT2, CLOSE_WAIT), with a FIN behind data that has not been sent
 * (FIN_WAIT1, LAST_ACK), both ends shut down; a server with its accepted connection.
 * Verify: states, options, every byte, the ends of streams, and that data goes on.
 */
#include "wl.h"
#include "look-at-inet.h"

#define SPACE 131072

static int state(int s)
{
	struct tcp_info info;
	socklen_t l = sizeof(info);

	SYS(getsockopt(s, IPPROTO_TCP, TCP_INFO, &info, &l));
	return info.tcpi_state;
}

static int listener;

static void pair(int kind, int ends[2])
{
	struct sockaddr_in a4 = loop4(0);
	struct sockaddr_in6 a6 = loop6(0);
	struct sockaddr *a = kind == 4 ? (void *)&a4 : (void *)&a6;
	socklen_t l = kind == 4 ? sizeof(a4) : sizeof(a6);
	int s = SYS(socket(a->sa_family, SOCK_STREAM, 0));

	if (kind == 46)
		a6.sin6_addr = (struct in6_addr){ { { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 127, 0, 0, 1 } } };
	set(s, SOL_SOCKET, SO_RCVBUF, 60000);
	SYS(bind(s, a, l));
	SYS(listen(s, 1));
	SYS(getsockname(s, a, &l));
	ends[0] = watch(SYS(socket(a->sa_family, SOCK_STREAM, 0)));
	set(ends[0], SOL_SOCKET, SO_RCVBUF, 60000);
	SYS(connect(ends[0], a, l));
	ends[1] = watch(SYS(accept(s, NULL, NULL)));
	if (kind == 4 && !listener)
		listener = watch(s);
	else
		close(s);
}

/* Writes until no more fits. */
static size_t fill(int s, unsigned char first)
{
	unsigned char piece[1000];
	size_t sum = 0;
	ssize_t n;

	do {
		for (int i = 0; i < 1000; i++)
			piece[i] = first + (sum + i) % 251;
		n = send(s, piece, sizeof(piece), MSG_DONTWAIT | MSG_NOSIGNAL);
		sum += n > 0 ? n : 0;
	} while (n > 0);
	return sum;
}

static void drain(int s, unsigned char first, size_t size, int end, const char *what)
{
	unsigned char piece[1000];
	size_t sum = 0;
	struct timeval limit = { 5, 0 };

	SYS(setsockopt(s, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)));
	while (sum < size) {
		ssize_t n = recv(s, piece, sizeof(piece), 0);
		CHECK(n > 0, "%s: %zu of %zu bytes, then %s", what, sum, size, n ? strerror(errno) : "the end");
		for (ssize_t i = 0; i < n; i++)
			CHECK(piece[i] == (unsigned char)(first + (sum + i) % 251), "%s: another byte at %zu", what, sum + i);
		sum += n;
	}
	CHECK(sum == size, "%s: %zu bytes of %zu", what, sum, size);
	if (end)
		CHECK(recv(s, piece, 1, 0) == 0, "%s: no end", what);
}

int main(void)
{
	static const int kinds[] = { 4, 6, 46 };
	int full[3][2], half[3][2], wait1[2], last[2], ended[2], i;
	size_t size[3][2], sent[4];
	char b;

	wl_init();
	for (i = 0; i < 3; i++) {
		pair(kinds[i], full[i]);
		set(full[i][0], IPPROTO_TCP, TCP_NODELAY, 1);
		set(full[i][1], IPPROTO_TCP, TCP_KEEPIDLE, 55);
		set(full[i][1], SOL_SOCKET, SO_KEEPALIVE, 1);
		SYS(setsockopt(full[i][1], IPPROTO_TCP, TCP_CONGESTION, "reno", 4));
		size[i][0] = fill(full[i][0], i);
		size[i][1] = fill(full[i][1], 7 + i);
		pair(kinds[i], half[i]);
		SYS(send(half[i][0], "before", 6, 0));
		SYS(shutdown(half[i][0], SHUT_WR));
	}
	pair(4, wait1);
	sent[0] = fill(wait1[0], 3);
	SYS(shutdown(wait1[0], SHUT_WR));
	pair(4, last);
	SYS(shutdown(last[1], SHUT_WR));
	wl_sleep_ms(10);
	sent[1] = fill(last[0], 9);
	SYS(shutdown(last[0], SHUT_WR));
	pair(4, ended);
	SYS(shutdown(ended[0], SHUT_WR));
	wl_sleep_ms(300); /* window probes and delayed acknowledgements are through */
	SYS(send(ended[1], "x", 1, 0));
	CHECK(state(half[0][0]) == TCP_FIN_WAIT2 && state(half[0][1]) == TCP_CLOSE_WAIT, "half: %d %d", state(half[0][0]), state(half[0][1]));
	CHECK(state(wait1[0]) == TCP_FIN_WAIT1, "state %d", state(wait1[0]));
	CHECK(state(last[0]) == TCP_LAST_ACK && state(last[1]) == TCP_FIN_WAIT2, "states %d %d", state(last[0]), state(last[1]));
	look_at_all();
	wl_ready();
	wl_wait();
	compare_all();
	CHECK(state(half[0][0]) == TCP_FIN_WAIT2 && state(half[0][1]) == TCP_CLOSE_WAIT, "half: %d %d", state(half[0][0]), state(half[0][1]));
	CHECK(state(wait1[0]) == TCP_FIN_WAIT1, "state %d", state(wait1[0]));
	CHECK(state(last[0]) == TCP_LAST_ACK && state(last[1]) == TCP_FIN_WAIT2, "states %d %d", state(last[0]), state(last[1]));
	for (i = 0; i < 3; i++) {
		drain(full[i][1], i, size[i][0], 0, "full");
		drain(full[i][0], 7 + i, size[i][1], 0, "full, back");
		SYS(send(full[i][0], "?", 1, 0));
		CHECK(recv(full[i][1], &b, 1, 0) == 1 && b == '?', "no new data");
		SYS(send(full[i][1], "!", 1, 0));
		CHECK(recv(full[i][0], &b, 1, 0) == 1 && b == '!', "no new data back");
		char text[6];
		CHECK(recv(half[i][1], text, 6, MSG_WAITALL) == 6 && !memcmp(text, "before", 6), "half: other bytes");
		CHECK(recv(half[i][1], &b, 1, 0) == 0, "half: no end");
		SYS(send(half[i][1], "after", 5, 0));
		CHECK(recv(half[i][0], text, 5, MSG_WAITALL) == 5, "half: nothing back");
	}
	drain(wait1[1], 3, sent[0], 1, "FIN_WAIT1");
	drain(last[1], 9, sent[1], 1, "LAST_ACK");
	CHECK(recv(ended[0], &b, 1, 0) == 1 && b == 'x', "ended: nothing");
	CHECK(recv(ended[1], &b, 1, 0) == 0, "ended: no end");
	struct sockaddr_in a;
	socklen_t l = sizeof(a);
	SYS(getsockname(listener, (void *)&a, &l));
	i = SYS(socket(AF_INET, SOCK_STREAM, 0));
	SYS(connect(i, (void *)&a, l));
	SYS(accept(listener, NULL, NULL));
	wl_ok();
}
