/*
 * State: sockets of TCP, UDP, UDP-Lite, raw and ICMP, of IPv4 and IPv6, with every option set that can be read.
 * Verify: all options of all levels, addresses, owners.
 */
#include "wl.h"
#include "look-at-inet.h"

static void ip(int s)
{
	unsigned char nop[4] = { 1, 1, 1, 0 };

	SYS(setsockopt(s, IPPROTO_IP, IP_OPTIONS, nop, sizeof(nop)));
	set(s, IPPROTO_IP, IP_TOS, 0x10);
	set(s, IPPROTO_IP, IP_TTL, 33);
	set(s, IPPROTO_IP, 10 /* IP_MTU_DISCOVER */, 2);
	set(s, IPPROTO_IP, 11 /* IP_RECVERR */, 1);
	set(s, IPPROTO_IP, 21 /* IP_MINTTL */, 1);
	set(s, IPPROTO_IP, 19 /* IP_TRANSPARENT */, 1);
	set(s, IPPROTO_IP, 24 /* IP_BIND_ADDRESS_NO_PORT */, 1);
	try_set(s, IPPROTO_IP, 51 /* IP_LOCAL_PORT_RANGE */, 40000 | 41000 << 16);
	set(s, IPPROTO_IP, 50 /* IP_UNICAST_IF */, htonl(1));
}

static void told(int s)
{
	static const int options[] = { 6, 7, 8, 12, 13, 18, 20, 23, 25, 26 };

	for (unsigned i = 0; i < sizeof(options) / sizeof(*options); i++)
		if (options[i] != 25)
			set(s, IPPROTO_IP, options[i], 1);
	set(s, IPPROTO_IP, 33 /* IP_MULTICAST_TTL */, 9);
	set(s, IPPROTO_IP, 34 /* IP_MULTICAST_LOOP */, 0);
	set(s, IPPROTO_IP, 49 /* IP_MULTICAST_ALL */, 0);
	struct in_addr lo = { htonl(INADDR_LOOPBACK) };
	SYS(setsockopt(s, IPPROTO_IP, IP_MULTICAST_IF, &lo, sizeof(lo)));
}

static void ip6(int s)
{
	static const struct { int option, value; } options[] = {
		{ 16, 44 }, { 23, 2 }, { 25, 1 }, { 33, 1 }, { 66, 1 }, { 67, 0x20 }, { 70, 0 }, { 72, 2 }, { 73, 1 },
		{ 51, 1 }, { 53, 1 }, { 56, 1 }, { 58, 1 }, { 60, 1 }, { 74, 1 }, { 62, 1 }, { 31, 1 }, { 49, 1 },
		{ 17, 1 }, { 18, 5 }, { 19, 0 }, { 29, 0 }, { 11, 1 }, { 2, 1 }, { 8, 1 }, { 3, 1 }, { 4, 1 }, { 5, 1 },
	};
	int type;
	socklen_t l = sizeof(type);
	SYS(getsockopt(s, SOL_SOCKET, SO_TYPE, &type, &l));
	unsigned char padding[8] = { 0, 0, 1, 4 };

	for (unsigned i = 0; i < sizeof(options) / sizeof(*options); i++)
		if (type == SOCK_DGRAM || (options[i].option != 17 && options[i].option != 18))
			set(s, IPPROTO_IPV6, options[i].option, options[i].value);
	SYS(setsockopt(s, IPPROTO_IPV6, 54 /* IPV6_HOPOPTS */, padding, 8));
	SYS(setsockopt(s, IPPROTO_IPV6, 59 /* IPV6_DSTOPTS */, padding, 8));
	set(s, IPPROTO_IPV6, 75 /* IPV6_TRANSPARENT */, 1);
	set(s, IPPROTO_IPV6, 76 /* IPV6_UNICAST_IF */, htonl(1));
}

static void udp(int s)
{
	set(s, IPPROTO_UDP, 101, 1);
	set(s, IPPROTO_UDP, 102, 1);
	set(s, IPPROTO_UDP, 103, 1200);
	set(s, IPPROTO_UDP, 104, 1);
}

static void tcp(int s)
{
	unsigned char key[32] = "keys of TCP Fast Open, two";

	set(s, IPPROTO_TCP, TCP_MAXSEG, 1000);
	set(s, IPPROTO_TCP, TCP_CORK, 1);
	set(s, IPPROTO_TCP, TCP_NODELAY, 1);
	set(s, IPPROTO_TCP, TCP_KEEPIDLE, 77);
	set(s, IPPROTO_TCP, TCP_KEEPINTVL, 7);
	set(s, IPPROTO_TCP, TCP_KEEPCNT, 3);
	set(s, IPPROTO_TCP, TCP_SYNCNT, 2);
	set(s, IPPROTO_TCP, TCP_LINGER2, 12);
	set(s, IPPROTO_TCP, TCP_DEFER_ACCEPT, 15);
	set(s, IPPROTO_TCP, TCP_WINDOW_CLAMP, 30000);
	set(s, IPPROTO_TCP, TCP_QUICKACK, 0);
	SYS(setsockopt(s, IPPROTO_TCP, TCP_CONGESTION, "reno", 4));
	set(s, IPPROTO_TCP, 16 /* TCP_THIN_LINEAR_TIMEOUTS */, 1);
	set(s, IPPROTO_TCP, TCP_USER_TIMEOUT, 12345);
	set(s, IPPROTO_TCP, 23 /* TCP_FASTOPEN */, 7);
	SYS(setsockopt(s, IPPROTO_TCP, 33 /* TCP_FASTOPEN_KEY */, key, sizeof(key)));
	set(s, IPPROTO_TCP, 34 /* TCP_FASTOPEN_NO_COOKIE */, 1);
	set(s, IPPROTO_TCP, 25 /* TCP_NOTSENT_LOWAT */, 5000);
	set(s, IPPROTO_TCP, 27 /* TCP_SAVE_SYN */, 1);
	set(s, IPPROTO_TCP, 36 /* TCP_INQ */, 1);
	try_set(s, IPPROTO_TCP, 37 /* TCP_TX_DELAY */, 100);
	try_set(s, IPPROTO_TCP, 44 /* TCP_RTO_MAX_MS */, 5000);
	try_set(s, IPPROTO_TCP, 45 /* TCP_RTO_MIN_US */, 100000);
	try_set(s, IPPROTO_TCP, 46 /* TCP_DELACK_MAX_US */, 30000);
}

static void any(int s)
{
	set(s, SOL_SOCKET, SO_REUSEADDR, 1);
	set(s, SOL_SOCKET, SO_KEEPALIVE, 1);
	set(s, SOL_SOCKET, SO_MARK, 17);
	set(s, SOL_SOCKET, SO_RCVBUF, 60000);
	set(s, SOL_SOCKET, SO_BUSY_POLL, 20);
	set(s, SOL_SOCKET, SO_PRIORITY, 5);
	set(s, SOL_SOCKET, SO_TIMESTAMP, 1);
}

int main(void)
{
	struct sockaddr_in a;
	struct sockaddr_in6 a6;
	int s, filter = 0x5a;

	wl_init();
	any(s = watch(bound4(SOCK_STREAM, 0, &a)));
	ip(s), tcp(s);
	SYS(listen(s, 13));
	any(s = watch(bound6(SOCK_STREAM, 0, &a6)));
	ip(s), ip6(s), tcp(s);
	SYS(listen(s, 130));
	watch(SYS(socket(AF_INET, SOCK_STREAM, 0)));
	s = watch(SYS(socket(AF_INET6, SOCK_STREAM | SOCK_NONBLOCK, 0)));
	set(s, IPPROTO_IPV6, IPV6_V6ONLY, 1);
	set(s, IPPROTO_TCP, 30 /* TCP_FASTOPEN_CONNECT */, 1);
	any(s = watch(bound4(SOCK_DGRAM, 0, &a)));
	set(s, SOL_SOCKET, 60 /* SO_ZEROCOPY */, 1);
	set(s, SOL_SOCKET, SO_BROADCAST, 1);
	set(s, SOL_SOCKET, SO_NO_CHECK, 1);
	ip(s), told(s), udp(s);
	any(s = watch(bound6(SOCK_DGRAM, 0, &a6)));
	ip(s), told(s), ip6(s), udp(s);
	s = watch(SYS(socket(AF_INET, SOCK_DGRAM, 136)));
	set(s, 136, 10, 20);
	set(s, 136, 11, 12);
	s = watch(SYS(socket(AF_INET, SOCK_RAW, IPPROTO_ICMP)));
	SYS(setsockopt(s, 255, 1, &filter, sizeof(filter)));
	set(s, IPPROTO_IP, 25 /* IP_RECVFRAGSIZE */, 1);
	set(s, IPPROTO_IP, 22 /* IP_NODEFRAG */, 1);
	set(s, IPPROTO_IP, IP_HDRINCL, 1);
	s = watch(SYS(socket(AF_INET6, SOCK_RAW, 200)));
	set(s, IPPROTO_IPV6, 7 /* IPV6_CHECKSUM */, 4);
	set(s, IPPROTO_IPV6, 77 /* IPV6_RECVFRAGSIZE */, 1);
	SYS(fchown(s, 1234, 4321));
	s = watch(SYS(socket(AF_INET6, SOCK_RAW, IPPROTO_ICMPV6)));
	struct { unsigned words[8]; } six = { { 1, 2, 3, 4, 5, 6, 7, 8 } };
	SYS(setsockopt(s, IPPROTO_ICMPV6, 1, &six, sizeof(six)));
	SYS(fchmod(s, 0600));
	look_at_all();
	wl_ready();
	wl_wait();
	compare_all();
	wl_ok();
}
