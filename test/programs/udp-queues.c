/*
 * State: UDP sockets with datagrams that nobody has read: of several senders, of IPv4, of IPv6, of IPv4 on an IPv6 socket,
 * from the peer of a connected one, as long as a datagram can be; UDP-Lite; sockets that are shut down.
 * Verify: each datagram with its sender, and that there are no others.
 */
#include "wl.h"
#include "look-at-inet.h"
#include <poll.h>

static char large[65507], room[70000];

static void expect4(int s, const char *data, size_t size, int port)
{
	struct sockaddr_in from;
	socklen_t l = sizeof(from);
	ssize_t n = recvfrom(s, room, sizeof(room), MSG_DONTWAIT, (void *)&from, &l);

	CHECK(n == (ssize_t)size, "%zd bytes of %zu", n, size);
	CHECK(!memcmp(room, data, size), "other bytes");
	CHECK(from.sin_family == AF_INET && from.sin_port == htons(port) && from.sin_addr.s_addr == htonl(INADDR_LOOPBACK), "another sender");
}

static void expect6(int s, const char *data, size_t size, int port, struct in6_addr address)
{
	struct sockaddr_in6 from;
	socklen_t l = sizeof(from);
	ssize_t n = recvfrom(s, room, sizeof(room), MSG_DONTWAIT, (void *)&from, &l);

	CHECK(n == (ssize_t)size && !memcmp(room, data, size), "IPv6: %zd bytes of %zu", n, size);
	CHECK(from.sin6_family == AF_INET6 && from.sin6_port == htons(port) && !memcmp(&from.sin6_addr, &address, 16), "another IPv6 sender");
}

static void empty(int s) { CHECK(recv(s, room, 1, MSG_DONTWAIT) < 0 && errno == EAGAIN, "more than there was"); }

static int hangs(int s)
{
	struct pollfd p = { s, POLLIN | POLLRDHUP, 0 };
	SYS(poll(&p, 1, 0));
	return p.revents;
}

int main(void)
{
	struct sockaddr_in a, b, c, d, any, lite;
	struct sockaddr_in6 six, from6, dual = { .sin6_family = AF_INET6 };
	struct in6_addr mapped = { { { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 127, 0, 0, 1 } } };
	socklen_t l = sizeof(any), l6 = sizeof(dual);
	int s[3], wild, peer, v6, v6from, both, one, two, shut[3], i;

	wl_init();
	for (i = 0; i < (int)sizeof(large); i++)
		large[i] = i * 7 + i / 256;
	s[0] = watch(bound4(SOCK_DGRAM, 0, &a));
	s[1] = watch(bound4(SOCK_DGRAM, 0, &b));
	s[2] = watch(bound4(SOCK_DGRAM, 0, &c));
	SYS(sendto(s[1], "first", 5, 0, (void *)&a, sizeof(a)));
	SYS(sendto(s[2], "", 0, 0, (void *)&a, sizeof(a)));
	SYS(sendto(s[2], "second", 6, 0, (void *)&a, sizeof(a)));
	SYS(sendto(s[1], large, sizeof(large), 0, (void *)&a, sizeof(a)));
	wild = watch(SYS(socket(AF_INET, SOCK_DGRAM, 0)));
	any = (struct sockaddr_in){ .sin_family = AF_INET };
	SYS(bind(wild, (void *)&any, sizeof(any)));
	SYS(getsockname(wild, (void *)&any, &l));
	any.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	SYS(sendto(s[0], "to any", 6, 0, (void *)&any, sizeof(any)));
	peer = watch(bound4(SOCK_DGRAM, 0, &d));
	SYS(connect(peer, (void *)&b, sizeof(b)));
	SYS(sendto(s[1], "of the peer", 11, 0, (void *)&d, sizeof(d)));
	v6 = watch(bound6(SOCK_DGRAM, 0, &six));
	v6from = watch(bound6(SOCK_DGRAM, 0, &from6));
	SYS(sendto(v6from, "six", 3, 0, (void *)&six, sizeof(six)));
	SYS(sendto(v6from, "66", 2, 0, (void *)&six, sizeof(six)));
	both = watch(SYS(socket(AF_INET6, SOCK_DGRAM, 0)));
	SYS(bind(both, (void *)&dual, sizeof(dual)));
	SYS(getsockname(both, (void *)&dual, &l6));
	any.sin_port = dual.sin6_port;
	SYS(sendto(s[0], "four", 4, 0, (void *)&any, sizeof(any)));
	dual.sin6_addr = six.sin6_addr;
	SYS(sendto(v6from, "and six", 7, 0, (void *)&dual, sizeof(dual)));
	one = watch(bound4(SOCK_DGRAM, 136, &lite));
	two = watch(bound4(SOCK_DGRAM, 136, &d));
	SYS(sendto(two, "lite", 4, 0, (void *)&lite, sizeof(lite)));
	for (i = 0; i < 3; i++) {
		struct sockaddr_in own;
		shut[i] = watch(bound4(SOCK_DGRAM, 0, &own));
		SYS(connect(shut[i], (void *)&a, sizeof(a)));
		SYS(shutdown(shut[i], i));
	}
	look_at_all();
	wl_ready();
	wl_wait();
	compare_all();
	expect4(s[0], "first", 5, ntohs(b.sin_port));
	expect4(s[0], "", 0, ntohs(c.sin_port));
	expect4(s[0], "second", 6, ntohs(c.sin_port));
	expect4(s[0], large, sizeof(large), ntohs(b.sin_port));
	empty(s[0]);
	expect4(wild, "to any", 6, ntohs(a.sin_port));
	empty(wild);
	expect4(peer, "of the peer", 11, ntohs(b.sin_port));
	empty(peer);
	expect6(v6, "six", 3, ntohs(from6.sin6_port), from6.sin6_addr);
	expect6(v6, "66", 2, ntohs(from6.sin6_port), from6.sin6_addr);
	empty(v6);
	expect6(both, "four", 4, ntohs(a.sin_port), mapped);
	expect6(both, "and six", 7, ntohs(from6.sin6_port), from6.sin6_addr);
	empty(both);
	expect4(one, "lite", 4, ntohs(d.sin_port));
	empty(one);
	CHECK(hangs(shut[0]) == (POLLIN | POLLRDHUP), "SHUT_RD: %x", hangs(shut[0]));
	CHECK(hangs(shut[1]) == 0 && send(shut[1], "x", 1, MSG_NOSIGNAL) < 0 && errno == EPIPE, "SHUT_WR");
	CHECK(hangs(shut[2]) & POLLHUP, "SHUT_RDWR");
	SYS(sendto(s[2], "again", 5, 0, (void *)&a, sizeof(a)));
	expect4(s[0], "again", 5, ntohs(c.sin_port));
	wl_ok();
}
