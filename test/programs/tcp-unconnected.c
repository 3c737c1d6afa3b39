/*
 * State: TCP sockets without a connection: three that share a port by SO_REUSEPORT, one that listens on IPv4 and one that
 * listens on IPv6 on the same port, one for both, one on every address, one bound with SO_REUSEADDR beside one that
 * listens, one that is shut down, one of another user.
 * Verify: addresses, options, lengths of the queues, connections to each.
 */
#include "wl.h"
#include "look-at-inet.h"
#include <poll.h>
#include <sys/fsuid.h>

static unsigned backlog(int s)
{
	struct tcp_info info;
	socklen_t l = sizeof(info);

	SYS(getsockopt(s, IPPROTO_TCP, TCP_INFO, &info, &l));
	return info.tcpi_sacked;
}

static int listens(int family, const void *address, socklen_t l, int queue, int reuse)
{
	int s = watch(SYS(socket(family, SOCK_STREAM, 0)));

	if (reuse)
		set(s, SOL_SOCKET, reuse, 1);
	if (family == AF_INET6)
		set(s, IPPROTO_IPV6, IPV6_V6ONLY, queue != 77);
	SYS(bind(s, address, l));
	SYS(listen(s, queue));
	return s;
}

static void connects(const void *address, socklen_t l, int s)
{
	int c = SYS(socket(*(const sa_family_t *)address, SOCK_STREAM, 0)), a;

	SYS(connect(c, address, l));
	a = SYS(accept(s, NULL, NULL));
	SYS(send(c, "x", 1, 0));
	CHECK(recv(a, &l, 1, 0) == 1, "nothing came");
	close(a);
	close(c);
}

int main(void)
{
	struct sockaddr_in a = loop4(0), b;
	struct sockaddr_in6 a6, both;
	socklen_t l = sizeof(a), l6 = sizeof(both);
	int shared[3], four, six, dual, shut, beside, port, i;

	wl_init();
	for (i = 0; i < 3; i++) {
		shared[i] = listens(AF_INET, &a, sizeof(a), 5 + i, SO_REUSEPORT);
		SYS(getsockname(shared[i], (void *)&a, &l));
	}
	port = ntohs(a.sin_port);
	a6 = loop6(port);
	six = listens(AF_INET6, &a6, sizeof(a6), 6, 0);
	b = loop4(0);
	four = listens(AF_INET, &b, sizeof(b), 4, SO_REUSEADDR);
	SYS(getsockname(four, (void *)&b, &l));
	both = (struct sockaddr_in6){ .sin6_family = AF_INET6 };
	dual = listens(AF_INET6, &both, sizeof(both), 77, 0);
	SYS(getsockname(dual, (void *)&both, &l6));
	beside = watch(SYS(socket(AF_INET, SOCK_STREAM, 0)));
	set(beside, SOL_SOCKET, SO_REUSEADDR, 1);
	struct sockaddr_in other = b;
	other.sin_addr.s_addr = htonl(0x7f000002);
	SYS(bind(beside, (void *)&other, sizeof(other)));
	shut = watch(SYS(socket(AF_INET, SOCK_STREAM, 0)));
	shutdown(shut, SHUT_RDWR);
	SYS(setfsuid(1234));
	watch(SYS(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0)));
	setfsuid(0);
	look_at_all();
	wl_ready();
	wl_wait();
	compare_all();
	for (i = 0; i < 3; i++)
		CHECK(backlog(shared[i]) == 5u + i, "queue of %u", backlog(shared[i]));
	CHECK(backlog(dual) == 77, "queue of %u", backlog(dual));
	connects(&a6, sizeof(a6), six);
	connects(&b, sizeof(b), four);
	both.sin6_addr = a6.sin6_addr;
	connects(&both, sizeof(both), dual);
	b.sin_port = both.sin6_port;
	connects(&b, sizeof(b), dual);
	int c = SYS(socket(AF_INET, SOCK_STREAM, 0)), n = 0;
	SYS(connect(c, (void *)&a, sizeof(a)));
	for (i = 0; i < 3; i++) {
		struct pollfd p = { shared[i], POLLIN, 0 };
		n += SYS(poll(&p, 1, 20));
	}
	CHECK(n == 1, "%d of three have the connection", n);
	struct pollfd p = { shut, POLLIN | POLLRDHUP, 0 };
	SYS(poll(&p, 1, 0));
	CHECK(p.revents & POLLRDHUP, "not shut down: %x", p.revents);
	SYS(listen(beside, 1));
	wl_ok();
}
