// options: --tcp-established
// network: own
/*
 * State: TCP connections with an urgent byte (MSG_OOB) among what has not been read: before, between, and behind other bytes,
 * with the end of the stream behind it; not read, and read; as a byte like the others (SO_OOBINLINE).
 * Verify: what poll(2) tells, where reading stops (SIOCATMARK), each byte, the ends; that SIGURG does not come again.
 */
#include "wl.h"
#include <arpa/inet.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#ifndef SIOCATMARK
#define SIOCATMARK 0x8905
#endif

static volatile sig_atomic_t urgent;

static void on_urgent(int sig)
{
	(void)sig;
	urgent++;
}

static void pair(int family, int ends[2])
{
	struct sockaddr_in a4 = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
	struct sockaddr_in6 a6 = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT };
	struct sockaddr *a = family == AF_INET ? (void *)&a4 : (void *)&a6;
	socklen_t l = family == AF_INET ? sizeof(a4) : sizeof(a6);
	int s = SYS(socket(family, SOCK_STREAM, 0));

	SYS(bind(s, a, l));
	SYS(listen(s, 1));
	SYS(getsockname(s, a, &l));
	ends[0] = SYS(socket(family, SOCK_STREAM, 0));
	SYS(connect(ends[0], a, l));
	ends[1] = SYS(accept(s, NULL, NULL));
	close(s);
}

static int polled(int s)
{
	struct pollfd p = { .fd = s, .events = POLLIN | POLLPRI };

	SYS(poll(&p, 1, 0));
	return p.revents;
}

static void arrives(int s, int event, int size)
{
	int n = -1;

	for (int i = 0; i < 500; i++) {
		SYS(ioctl(s, SIOCINQ, &n));
		if (n == size && (polled(s) & event) == event)
			return;
		wl_sleep_ms(10);
	}
	wl_fail("%d bytes of %d, poll %x", n, size, polled(s));
}

static int marked(int s)
{
	int at;

	SYS(ioctl(s, SIOCATMARK, &at));
	return at;
}

static void expect(int s, const char *text, const char *what)
{
	char got[64];
	ssize_t n = recv(s, got, sizeof(got), MSG_DONTWAIT);

	CHECK(n == (ssize_t)strlen(text) && !memcmp(got, text, n), "%s: %zd bytes, not \"%s\"", what, n, text);
}

static void oob(int s, char wanted, const char *what)
{
	char got = 0;
	ssize_t n = recv(s, &got, 1, MSG_OOB | MSG_DONTWAIT);

	if (wanted)
		CHECK(n == 1 && got == wanted, "%s: no urgent byte: %zd %s", what, n, strerror(errno));
	else
		CHECK(n < 0 && errno == EINVAL, "%s: an urgent byte", what);
}

int main(void)
{
	int unread[2], taken[2], inl[2], first[2], last[2], family, one = 1;
	char b;

	wl_init();
	signal(SIGURG, on_urgent);
	for (family = AF_INET; family; family = family == AF_INET ? AF_INET6 : 0) {
		pair(family, unread);
		SYS(fcntl(unread[1], F_SETOWN, getpid()));
		SYS(send(unread[0], "abc", 3, 0));
		SYS(send(unread[0], "X", 1, MSG_OOB));
		SYS(send(unread[0], "def", 3, 0));
		arrives(unread[1], POLLPRI, 3);
		if (family == AF_INET)
			memcpy(taken, unread, sizeof(taken));
	}
	CHECK(urgent == 2, "%d times SIGURG", urgent);
	/* IPv4: the byte is read, the others are not */
	oob(taken[1], 'X', "taken");
	pair(AF_INET, inl);
	SYS(setsockopt(inl[1], SOL_SOCKET, SO_OOBINLINE, &one, sizeof(one)));
	SYS(send(inl[0], "abcX", 4, MSG_OOB));
	SYS(send(inl[0], "def", 3, 0));
	arrives(inl[1], POLLPRI, 7);
	pair(AF_INET, first);
	SYS(send(first[0], "X", 1, MSG_OOB));
	SYS(send(first[0], "def", 3, 0));
	arrives(first[1], POLLPRI, 0);
	wl_sleep_ms(50);
	pair(AF_INET, last);
	SYS(send(last[0], "abcX", 4, MSG_OOB));
	SYS(shutdown(last[0], SHUT_WR));
	arrives(last[1], POLLPRI, 3);
	wl_ready();
	wl_wait();
	CHECK(urgent == 2, "SIGURG came again: %d", urgent);
	CHECK(polled(unread[1]) == (POLLIN | POLLPRI), "unread: poll %x", polled(unread[1]));
	CHECK(recv(unread[1], &b, 1, MSG_OOB | MSG_PEEK) == 1 && b == 'X', "unread: peek");
	expect(unread[1], "abc", "unread");
	CHECK(marked(unread[1]), "unread: not at the mark");
	oob(unread[1], 'X', "unread");
	oob(unread[1], 0, "unread, again");
	expect(unread[1], "def", "unread");
	CHECK(polled(taken[1]) == POLLIN, "taken: poll %x", polled(taken[1]));
	oob(taken[1], 0, "taken");
	expect(taken[1], "abc", "taken");
	CHECK(marked(taken[1]), "taken: not at the mark");
	expect(taken[1], "def", "taken");
	CHECK(polled(inl[1]) == (POLLIN | POLLPRI), "inline: poll %x", polled(inl[1]));
	expect(inl[1], "abc", "inline");
	CHECK(marked(inl[1]), "inline: not at the mark");
	expect(inl[1], "Xdef", "inline");
	CHECK(!marked(inl[1]) && polled(inl[1]) == 0, "inline: poll %x", polled(inl[1]));
	CHECK(marked(first[1]), "first: not at the mark");
	oob(first[1], 'X', "first");
	expect(first[1], "def", "first");
	oob(last[1], 'X', "last");
	expect(last[1], "abc", "last");
	CHECK(recv(last[1], &b, 1, MSG_DONTWAIT) == 0, "last: no end");
	/* it goes on as before */
	SYS(send(unread[0], "Y", 1, MSG_OOB));
	arrives(unread[1], POLLPRI, 0);
	CHECK(urgent == 3, "no SIGURG for a new one");
	oob(unread[1], 'Y', "a new one");
	SYS(send(taken[0], "?", 1, 0));
	arrives(taken[1], POLLIN, 1);
	expect(taken[1], "?", "taken, new data");
	wl_ok();
}
