// options: --tcp-established
// network: own
/*
 * State: TCP connections that wait for an answer (SYN_SENT), of IPv4 and IPv6, with options that were set before.
 * Verify: states, both names, options; once somebody listens there, they connect, and data goes both ways.
 */
#include "wl.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#ifndef IPV6_FREEBIND
#define IPV6_FREEBIND 78
#endif
#define PORT 7777

static int state(int s)
{
	struct tcp_info info;
	socklen_t l = sizeof(info);

	SYS(getsockopt(s, IPPROTO_TCP, TCP_INFO, &info, &l));
	return info.tcpi_state;
}

static void run(const char *line)
{
	CHECK(system(line) == 0, "%s", line);
}

/* Nobody has these addresses yet: what is sent there goes into a device that throws it away. */
static struct sockaddr_storage there[2];
static const socklen_t length[2] = { sizeof(struct sockaddr_in), sizeof(struct sockaddr_in6) };

static void look(int s, int i, struct sockaddr_storage *own)
{
	struct sockaddr_storage peer = { 0 };
	socklen_t l = length[i];
	int idle;

	CHECK(state(s) == TCP_SYN_SENT, "state %d", state(s));
	SYS(getsockopt(s, SOL_SOCKET, SO_PEERNAME, &peer, &l));
	CHECK(!memcmp(&peer, &there[i], length[i]), "another peer");
	CHECK(getpeername(s, (void *)&peer, &l) < 0 && errno == ENOTCONN, "connected");
	l = length[i];
	SYS(getsockname(s, (void *)own, &l));
	l = sizeof(idle);
	SYS(getsockopt(s, IPPROTO_TCP, TCP_KEEPIDLE, &idle, &l));
	CHECK(idle == 77, "TCP_KEEPIDLE %d", idle);
}

int main(void)
{
	struct sockaddr_storage own[2] = { 0 };
	int s[2], listener[2], i, idle = 77, one = 1;
	char b;

	wl_init();
	run("ip link add nowhere type veth peer name thrown && ip link set nowhere up && ip link set thrown up && ip addr add 192.0.2.9/24 dev nowhere && "
	    "ip -6 addr add 2001:db8::9/64 dev nowhere nodad && "
	    "ip neigh add 192.0.2.1 lladdr 02:00:00:00:00:01 dev nowhere && "
	    "ip -6 neigh add 2001:db8::1 lladdr 02:00:00:00:00:01 dev nowhere");
	((struct sockaddr_in *)&there[0])->sin_family = AF_INET;
	((struct sockaddr_in *)&there[0])->sin_port = htons(PORT);
	inet_pton(AF_INET, "192.0.2.1", &((struct sockaddr_in *)&there[0])->sin_addr);
	((struct sockaddr_in6 *)&there[1])->sin6_family = AF_INET6;
	((struct sockaddr_in6 *)&there[1])->sin6_port = htons(PORT);
	inet_pton(AF_INET6, "2001:db8::1", &((struct sockaddr_in6 *)&there[1])->sin6_addr);
	for (i = 0; i < 2; i++) {
		s[i] = SYS(socket(there[i].ss_family, SOCK_STREAM | SOCK_NONBLOCK, 0));
		SYS(setsockopt(s[i], IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof(idle)));
		CHECK(connect(s[i], (void *)&there[i], length[i]) < 0 && errno == EINPROGRESS, "connect: %s", strerror(errno));
		look(s[i], i, &own[i]);
	}
	wl_ready();
	wl_wait();
	for (i = 0; i < 2; i++) {
		struct sockaddr_storage now = { 0 };

		look(s[i], i, &now);
		CHECK(!memcmp(&now, &own[i], length[i]), "another name of its own");
	}
	for (i = 0; i < 2; i++) {
		listener[i] = SYS(socket(there[i].ss_family, SOCK_STREAM, 0));
		SYS(i ? setsockopt(listener[i], IPPROTO_IPV6, IPV6_FREEBIND, &one, sizeof(one)) :
			setsockopt(listener[i], IPPROTO_IP, IP_FREEBIND, &one, sizeof(one)));
		SYS(bind(listener[i], (void *)&there[i], length[i]));
		SYS(listen(listener[i], 1));
	}
	run("ip addr add 192.0.2.1/32 dev lo && ip -6 addr add 2001:db8::1/128 dev lo nodad");
	for (i = 0; i < 2; i++) {
		struct pollfd ready = { .fd = s[i], .events = POLLOUT };
		int end;

		CHECK(poll(&ready, 1, 20000) == 1 && ready.revents == POLLOUT, "it does not connect: %x", ready.revents);
		end = SYS(accept(listener[i], NULL, NULL));
		SYS(send(s[i], "?", 1, 0));
		CHECK(recv(end, &b, 1, 0) == 1 && b == '?', "no data");
		SYS(send(end, "!", 1, 0));
		ready.events = POLLIN;
		CHECK(poll(&ready, 1, 5000) == 1 && recv(s[i], &b, 1, 0) == 1 && b == '!', "no data back");
	}
	wl_ok();
}
