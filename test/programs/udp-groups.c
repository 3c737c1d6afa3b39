/*
 * State: UDP sockets that have joined multicast groups on the loopback device: of IPv4 and IPv6, of one source, of all
 * sources but one, joined by the interface's address.
 * Verify: the filters, what is received, and that the groups can be left as they were joined.
 */
#include "wl.h"
#include "look-at-inet.h"

static struct group_filter *filter_of(int s, int family, const char *group, int *error)
{
	static char room[sizeof(struct group_filter) + 8 * sizeof(struct sockaddr_storage)];
	struct group_filter *f = (void *)room;
	socklen_t l = sizeof(room);

	memset(room, 0, sizeof(room));
	f->gf_interface = 1;
	f->gf_group.ss_family = family;
	if (family == AF_INET)
		inet_pton(AF_INET, group, &((struct sockaddr_in *)&f->gf_group)->sin_addr);
	else
		inet_pton(AF_INET6, group, &((struct sockaddr_in6 *)&f->gf_group)->sin6_addr);
	f->gf_numsrc = 8;
	*error = getsockopt(s, family == AF_INET ? IPPROTO_IP : IPPROTO_IPV6, MCAST_MSFILTER, f, &l) < 0 ? errno : 0;
	return f;
}

static void member(int s, int family, const char *group, unsigned mode, unsigned sources)
{
	int error;
	struct group_filter *f = filter_of(s, family, group, &error);

	CHECK(!error, "%s: not a member: %s", group, strerror(error));
	CHECK(f->gf_fmode == mode && f->gf_numsrc == sources, "%s: mode %u, %u sources", group, f->gf_fmode, f->gf_numsrc);
}

int main(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET }, to;
	struct sockaddr_in6 a6 = { .sin6_family = AF_INET6 };
	socklen_t l = sizeof(a);
	struct ip_mreqn by = { 0 };
	struct ip_mreq plain = { 0 };
	struct ip_mreq_source source = { 0 };
	struct ipv6_mreq six = { .ipv6mr_interface = 1 };
	struct in_addr lo = { htonl(INADDR_LOOPBACK) };
	struct group_source_req only6 = { .gsr_interface = 1 };
	int s, t, u, v6, error;
	char buf[8];

	wl_init();
	s = watch(SYS(socket(AF_INET, SOCK_DGRAM, 0)));
	SYS(bind(s, (void *)&a, sizeof(a)));
	SYS(getsockname(s, (void *)&a, &l));
	inet_aton("239.9.8.7", &by.imr_multiaddr);
	by.imr_address = lo;
	SYS(setsockopt(s, IPPROTO_IP, IP_ADD_MEMBERSHIP, &by, sizeof(by)));
	t = watch(SYS(socket(AF_INET, SOCK_DGRAM, 0)));
	inet_aton("239.9.8.6", &source.imr_multiaddr);
	source.imr_interface = lo;
	inet_aton("127.0.0.9", &source.imr_sourceaddr);
	SYS(setsockopt(t, IPPROTO_IP, IP_ADD_SOURCE_MEMBERSHIP, &source, sizeof(source)));
	u = watch(SYS(socket(AF_INET, SOCK_DGRAM, 0)));
	inet_aton("239.9.8.5", &plain.imr_multiaddr);
	plain.imr_interface = lo;
	SYS(setsockopt(u, IPPROTO_IP, IP_ADD_MEMBERSHIP, &plain, sizeof(plain)));
	source.imr_multiaddr = plain.imr_multiaddr;
	SYS(setsockopt(u, IPPROTO_IP, IP_BLOCK_SOURCE, &source, sizeof(source)));
	v6 = watch(SYS(socket(AF_INET6, SOCK_DGRAM, 0)));
	SYS(bind(v6, (void *)&a6, sizeof(a6)));
	inet_pton(AF_INET6, "ff05::9:8", &six.ipv6mr_multiaddr);
	SYS(setsockopt(v6, IPPROTO_IPV6, IPV6_JOIN_GROUP, &six, sizeof(six)));
	only6.gsr_group.ss_family = only6.gsr_source.ss_family = AF_INET6;
	inet_pton(AF_INET6, "ff05::9:7", &((struct sockaddr_in6 *)&only6.gsr_group)->sin6_addr);
	inet_pton(AF_INET6, "fd00::1", &((struct sockaddr_in6 *)&only6.gsr_source)->sin6_addr);
	SYS(setsockopt(v6, IPPROTO_IPV6, MCAST_JOIN_SOURCE_GROUP, &only6, sizeof(only6)));
	SYS(setsockopt(v6, IPPROTO_IP, IP_ADD_MEMBERSHIP, &by, sizeof(by)));
	look_at_all();
	wl_ready();
	wl_wait();
	compare_all();
	member(s, AF_INET, "239.9.8.7", MCAST_EXCLUDE, 0);
	member(t, AF_INET, "239.9.8.6", MCAST_INCLUDE, 1);
	member(u, AF_INET, "239.9.8.5", MCAST_EXCLUDE, 1);
	member(v6, AF_INET6, "ff05::9:8", MCAST_EXCLUDE, 0);
	member(v6, AF_INET6, "ff05::9:7", MCAST_INCLUDE, 1);
	member(v6, AF_INET, "239.9.8.7", MCAST_EXCLUDE, 0);
	filter_of(u, AF_INET, "239.9.8.7", &error);
	CHECK(error == EADDRNOTAVAIL, "a member of what it had not joined");
	to = a;
	to.sin_addr = by.imr_multiaddr;
	SYS(setsockopt(t, IPPROTO_IP, IP_MULTICAST_IF, &lo, sizeof(lo)));
	SYS(sendto(t, "mc", 2, 0, (void *)&to, sizeof(to)));
	wl_sleep_ms(30);
	CHECK(recv(s, buf, 8, MSG_DONTWAIT) == 2, "nothing came to the group");
	SYS(setsockopt(s, IPPROTO_IP, IP_DROP_MEMBERSHIP, &by, sizeof(by)));
	SYS(setsockopt(u, IPPROTO_IP, IP_DROP_MEMBERSHIP, &plain, sizeof(plain)));
	SYS(setsockopt(v6, IPPROTO_IPV6, IPV6_LEAVE_GROUP, &six, sizeof(six)));
	wl_ok();
}
