// Sockets of IPv4 and IPv6 that are looked at before a dump and after it: all options of all levels, addresses, owner.
#ifndef LOOK_AT_INET_H
#define LOOK_AT_INET_H
#include "wl.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#define LOOKED_AT 24

static const struct { int level, last; } levels[] = {
	{ SOL_SOCKET, 90 }, { IPPROTO_IP, 60 }, { IPPROTO_IPV6, 80 }, { IPPROTO_TCP, 48 }, { IPPROTO_UDP, 105 },
	{ 136, 12 }, { 255, 2 }, { IPPROTO_ICMPV6, 2 },
};
#define LEVELS (sizeof(levels) / sizeof(*levels))

struct answer { int error; socklen_t length; unsigned char value[40]; };
static struct look {
	struct answer options[LEVELS][106];
	struct sockaddr_in6 own, peer;
	struct stat stat;
	int flags, has_peer, connected;
} looked[LOOKED_AT], now;
static int sockets[LOOKED_AT], nr_sockets;

/* What changes something when it is read, or is the kernel's own count, clock or memory. */
static int is_state(int level, int option, int connected)
{
	if (level == SOL_SOCKET)
		/* ERROR, INCOMING_CPU, MEMINFO, NAPI_ID, COOKIE, PEERPIDFD */
		return option != 4 && option != 49 && option != 55 && option != 56 && option != 57 && option != 77 &&
		       (!connected || option != SO_SNDBUF); /* grows by itself */
	if (level != IPPROTO_TCP)
		/* MULTICAST_TTL of an accepted connection is that of the segment that came, MULTICAST_IF the interface; V6ONLY is for binding */
		return !connected || (level == IPPROTO_IP ? option != 33 && option != 32 : option != 17 && option != 18 && option != 26);
	/* INFO, TIMESTAMP, CC_INFO, SAVED_SYN, ZEROCOPY_RECEIVE; of a connection what changes by itself */
	if (option == 11 || option == 24 || option == 26 || option == 28 || option == 35)
		return 0;
	return !connected || (option != 10 && option != 12 && option != 2);
}

static void look(int s, struct look *l)
{
	socklen_t size = sizeof(l->own);
	struct tcp_info info = { 0 };

	memset(l, 0, sizeof(*l));
	SYS(getsockname(s, (void *)&l->own, &size));
	size = sizeof(l->peer);
	l->has_peer = getpeername(s, (void *)&l->peer, &size) == 0;
	size = sizeof(info);
	if (getsockopt(s, IPPROTO_TCP, TCP_INFO, &info, &size) == 0)
		l->connected = info.tcpi_state != TCP_CLOSE && info.tcpi_state != TCP_LISTEN;
	for (unsigned i = 0; i < LEVELS; i++)
		for (int o = 0; o < levels[i].last; o++) {
			struct answer *a = &l->options[i][o];
			if (!is_state(levels[i].level, o, l->connected))
				continue;
			a->length = sizeof(a->value);
			if (getsockopt(s, levels[i].level, o, a->value, &a->length) < 0)
				*a = (struct answer){ .error = errno };
		}
	SYS(fstat(s, &l->stat));
	l->flags = SYS(fcntl(s, F_GETFL));
}

static UNUSED int watch(int s) { return sockets[nr_sockets++] = s; }

static UNUSED void look_at_all(void)
{
	for (int i = 0; i < nr_sockets; i++)
		look(sockets[i], &looked[i]);
}

static UNUSED void compare_all(void)
{
	for (int i = 0; i < nr_sockets; i++) {
		struct look *was = &looked[i];
		look(sockets[i], &now);
		for (unsigned k = 0; k < LEVELS; k++)
			for (int o = 0; o < levels[k].last; o++) {
				struct answer *a = &was->options[k][o], *b = &now.options[k][o];
				CHECK(!memcmp(a, b, sizeof(*a)), "socket %d: option %d of level %d was %d (%d bytes, error %d), is %d (%d bytes, error %d)",
				      i, o, levels[k].level, *(int *)a->value, a->length, a->error, *(int *)b->value, b->length, b->error);
			}
		CHECK(!memcmp(&was->own, &now.own, sizeof(now.own)), "socket %d: its own address", i);
		CHECK(was->has_peer == now.has_peer && !memcmp(&was->peer, &now.peer, sizeof(now.peer)), "socket %d: its peer's address", i);
		CHECK(was->stat.st_uid == now.stat.st_uid && was->stat.st_gid == now.stat.st_gid && was->stat.st_mode == now.stat.st_mode,
		      "socket %d: owner or mode", i);
		CHECK(was->flags == now.flags, "socket %d: flags were %o, are %o", i, was->flags, now.flags);
	}
}

static UNUSED void set(int s, int level, int option, int value)
{
	if (setsockopt(s, level, option, &value, sizeof(value)) < 0)
		wl_fail("option %d of level %d: %s", option, level, strerror(errno));
}

/* An option that not every kernel has. */
static UNUSED void try_set(int s, int level, int option, int value)
{
	setsockopt(s, level, option, &value, sizeof(value));
}

static UNUSED struct sockaddr_in loop4(int port)
{
	return (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons(port), .sin_addr = { htonl(INADDR_LOOPBACK) } };
}

static UNUSED struct sockaddr_in6 loop6(int port)
{
	return (struct sockaddr_in6){ .sin6_family = AF_INET6, .sin6_port = htons(port), .sin6_addr = IN6ADDR_LOOPBACK_INIT };
}

static UNUSED int bound4(int type, int proto, struct sockaddr_in *a)
{
	socklen_t l = sizeof(*a);
	int s = SYS(socket(AF_INET, type, proto));

	*a = loop4(0);
	SYS(bind(s, (void *)a, l));
	SYS(getsockname(s, (void *)a, &l));
	return s;
}

static UNUSED int bound6(int type, int proto, struct sockaddr_in6 *a)
{
	socklen_t l = sizeof(*a);
	int s = SYS(socket(AF_INET6, type, proto));

	*a = loop6(0);
	SYS(bind(s, (void *)a, l));
	SYS(getsockname(s, (void *)a, &l));
	return s;
}
#endif
