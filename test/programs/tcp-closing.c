// options: --tcp-established
// network: own
/*
 * State: TCP connections with both ends in the tree: both ends shut down while data of one of them is not sent (CLOSING,
 * FIN_WAIT2); closed by both ends, with data that nobody has read, while the kernel remembers it (TIME_WAIT); open, but not
 * to be read any more (SHUT_RD), with data that nobody has read and without.
 * Verify: states, what poll(2) tells, every byte, the ends; that the kernel still remembers the one that it did.
 */
#include "wl.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

static int state(int s)
{
	struct tcp_info info;
	socklen_t l = sizeof(info);

	SYS(getsockopt(s, IPPROTO_TCP, TCP_INFO, &info, &l));
	return info.tcpi_state;
}

static void becomes(int s, int wanted, const char *what)
{
	for (int i = 0; state(s) != wanted; i++) {
		CHECK(i < 500, "%s: state %d, not %d", what, state(s), wanted);
		wl_sleep_ms(10);
	}
}

static void pair(int ends[2])
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
	socklen_t l = sizeof(a);
	int s = SYS(socket(AF_INET, SOCK_STREAM, 0));

	SYS(bind(s, (void *)&a, l));
	SYS(listen(s, 1));
	SYS(getsockname(s, (void *)&a, &l));
	ends[0] = SYS(socket(AF_INET, SOCK_STREAM, 0));
	SYS(connect(ends[0], (void *)&a, l));
	ends[1] = SYS(accept(s, NULL, NULL));
	close(s);
}

static int segment(int s)
{
	int size;
	socklen_t l = sizeof(size);

	SYS(getsockopt(s, IPPROTO_TCP, TCP_MAXSEG, &size, &l));
	return size;
}

static int events(int s)
{
	struct pollfd p = { .fd = s, .events = POLLIN | POLLRDHUP };

	SYS(poll(&p, 1, 0));
	return p.revents;
}

static unsigned port(int s)
{
	struct sockaddr_in a;
	socklen_t l = sizeof(a);

	SYS(getsockname(s, (void *)&a, &l));
	return ntohs(a.sin_port);
}

/* Whether the kernel has a connection from this port in TIME_WAIT. */
static int remembered(unsigned from)
{
	char line[512];
	unsigned own, st;
	int found = 0;
	FILE *f = fopen("/proc/net/tcp", "r");

	CHECK(f, "/proc/net/tcp");
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, " %*d: %*x:%x %*x:%*x %x", &own, &st) == 2 && own == from && st == 6)
			found = 1;
	fclose(f);
	return found;
}

static void bytes(int s, const char *text, const char *what)
{
	char got[64];
	size_t size = strlen(text);

	CHECK(recv(s, got, size, MSG_DONTWAIT) == (ssize_t)size && !memcmp(got, text, size), "%s: other bytes", what);
}

int main(void)
{
	int closing[2], past[2], deaf[2], half[2], error, size;
	unsigned ports[2];
	size_t sent = 0, got = 0;
	static char piece[4096], room[4096];
	ssize_t n;
	socklen_t l = sizeof(error);

	wl_init();
	pair(closing);
	wl_fill(piece, sizeof(piece), 5);
	while ((n = send(closing[0], piece + sent % sizeof(piece), sizeof(piece) - sent % sizeof(piece), MSG_DONTWAIT)) > 0)
		sent += n;
	SYS(shutdown(closing[0], SHUT_WR));
	becomes(closing[0], TCP_FIN_WAIT1, "CLOSING");
	SYS(shutdown(closing[1], SHUT_WR));
	becomes(closing[0], TCP_CLOSING, "CLOSING");
	becomes(closing[1], TCP_FIN_WAIT2, "its other end");
	pair(past);
	SYS(shutdown(past[0], SHUT_WR));
	becomes(past[1], TCP_CLOSE_WAIT, "TIME_WAIT");
	SYS(send(past[1], "late", 4, 0));
	SYS(shutdown(past[1], SHUT_WR));
	becomes(past[0], TCP_CLOSE, "TIME_WAIT");
	becomes(past[1], TCP_CLOSE, "its other end");
	ports[0] = port(past[0]);
	CHECK(remembered(ports[0]), "no TIME_WAIT");
	pair(deaf);
	SYS(shutdown(deaf[0], SHUT_RD));
	pair(half);
	SYS(send(half[1], "unread", 6, 0));
	SYS(shutdown(half[0], SHUT_RD));
	size = segment(deaf[0]);
	wl_ready();
	wl_wait();
	CHECK(state(closing[0]) == TCP_CLOSING, "CLOSING: state %d", state(closing[0]));
	CHECK(state(closing[1]) == TCP_FIN_WAIT2, "its other end: state %d", state(closing[1]));
	CHECK(events(closing[0]) == (POLLIN | POLLRDHUP | POLLHUP), "CLOSING: poll %x", events(closing[0]));
	CHECK(recv(closing[0], room, 1, MSG_DONTWAIT) == 0, "CLOSING: no end");
	while (got < sent) {
		n = SYS(recv(closing[1], room, sizeof(room) - got % sizeof(room), 0));
		CHECK(n > 0 && !memcmp(room, piece + got % sizeof(piece), n), "CLOSING: other bytes at %zu", got);
		got += n;
	}
	CHECK(recv(closing[1], room, 1, 0) == 0, "CLOSING: no end of the data");
	becomes(closing[0], TCP_CLOSE, "CLOSING");
	becomes(closing[1], TCP_CLOSE, "CLOSING, the other end");
	CHECK(state(past[0]) == TCP_CLOSE && state(past[1]) == TCP_CLOSE, "past: %d %d", state(past[0]), state(past[1]));
	CHECK(remembered(ports[0]), "TIME_WAIT is gone");
	CHECK(events(past[0]) == (POLLIN | POLLRDHUP | POLLHUP), "past: poll %x", events(past[0]));
	CHECK(port(past[0]) == ports[0], "past: another port");
	bytes(past[0], "late", "past");
	CHECK(recv(past[0], room, 1, 0) == 0 && recv(past[1], room, 1, 0) == 0, "past: no end");
	CHECK(send(past[0], "x", 1, MSG_NOSIGNAL) < 0 && errno == EPIPE, "past: %s", strerror(errno));
	SYS(getsockopt(past[0], SOL_SOCKET, SO_ERROR, &error, &l));
	CHECK(error == 0, "past: %s", strerror(error));
	CHECK(state(deaf[0]) == TCP_ESTABLISHED && state(deaf[1]) == TCP_ESTABLISHED, "SHUT_RD: state %d", state(deaf[0]));
	CHECK(segment(deaf[0]) > size / 2, "segments of %d bytes were of %d", segment(deaf[0]), size);
	CHECK(events(deaf[0]) == (POLLIN | POLLRDHUP), "SHUT_RD: poll %x", events(deaf[0]));
	CHECK(events(deaf[1]) == 0, "the other end of SHUT_RD: poll %x", events(deaf[1]));
	CHECK(recv(deaf[0], room, 1, MSG_DONTWAIT) == 0, "SHUT_RD: no end");
	SYS(send(deaf[0], "on", 2, 0));
	CHECK(recv(deaf[1], room, 2, MSG_WAITALL) == 2, "SHUT_RD: nothing goes out");
	bytes(half[0], "unread", "SHUT_RD");
	CHECK(recv(half[0], room, 1, MSG_DONTWAIT) == 0, "SHUT_RD: no end behind what it had");
	wl_ok();
}
