/*
 * State: streams with an urgent byte (MSG_OOB) in their queues: at the front, in the middle, at the end, in line, read
 * already, one of two.
 * Verify: where reading stops, what the urgent byte is, the marks.
 */
#include "wl.h"
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

static void pair(int s[2])
{
	SYS(socketpair(AF_UNIX, SOCK_STREAM, 0, s));
}

static void put(int s, const char *text, int flags)
{
	CHECK(send(s, text, strlen(text), flags) == (ssize_t)strlen(text), "send: %s", strerror(errno));
}

static void get(int s, const char *want, int flags, const char *what)
{
	char b[64];
	int n = recv(s, b, sizeof(b), MSG_DONTWAIT | flags);

	CHECK(n == (int)strlen(want) && !memcmp(b, want, n), "%s: wanted '%s', got %d '%.*s'", what, want, n, n > 0 ? n : 0, b);
}

static int at_mark(int s)
{
	int mark = -1;

	SYS(ioctl(s, SIOCATMARK, &mark));
	return mark;
}

static int urgent(int s)
{
	struct pollfd p = { s, POLLPRI, 0 };

	SYS(poll(&p, 1, 0));
	return (p.revents & POLLPRI) != 0;
}

int main(void)
{
	int front[2], middle[2], end[2], line[2], lineat[2], read_[2], two[2], on = 1, only[2];

	wl_init();
	pair(front), pair(middle), pair(end), pair(line), pair(lineat), pair(read_), pair(two), pair(only);
	put(front[0], "!", MSG_OOB);
	put(front[0], "after", 0);
	put(middle[0], "before", 0);
	put(middle[0], "!", MSG_OOB);
	put(middle[0], "after", 0);
	put(end[0], "before!", MSG_OOB);
	SYS(setsockopt(line[1], SOL_SOCKET, SO_OOBINLINE, &on, sizeof(on)));
	put(line[0], "in", 0);
	put(line[0], "!", MSG_OOB);
	put(line[0], "line", 0);
	SYS(setsockopt(lineat[1], SOL_SOCKET, SO_OOBINLINE, &on, sizeof(on)));
	put(lineat[0], "!", MSG_OOB);
	put(lineat[0], "then", 0);
	put(read_[0], "one", 0);
	put(read_[0], "!", MSG_OOB);
	put(read_[0], "two", 0);
	get(read_[1], "!", MSG_OOB, "read");
	put(two[0], "a", 0);
	put(two[0], "?", MSG_OOB);
	put(two[0], "b", 0);
	put(two[0], "!", MSG_OOB);
	put(two[0], "c", 0);
	put(only[0], "!", MSG_OOB);
	wl_ready();
	wl_wait();
	CHECK(urgent(front[1]) && at_mark(front[1]) == 1, "front: mark %d", at_mark(front[1]));
	get(front[1], "!", MSG_OOB, "front");
	get(front[1], "after", 0, "front");
	CHECK(urgent(middle[1]) && at_mark(middle[1]) == 0, "middle: mark %d", at_mark(middle[1]));
	get(middle[1], "before", 0, "middle");
	CHECK(at_mark(middle[1]) == 1, "middle: no mark");
	get(middle[1], "!", MSG_OOB, "middle");
	get(middle[1], "after", 0, "middle");
	CHECK(urgent(end[1]), "end");
	get(end[1], "before", 0, "end");
	get(end[1], "!", MSG_OOB, "end");
	CHECK(urgent(line[1]), "line");
	get(line[1], "in", 0, "line");
	CHECK(at_mark(line[1]) == 1, "line: no mark");
	get(line[1], "!line", 0, "line");
	CHECK(at_mark(lineat[1]) == 1, "line at once: no mark");
	get(lineat[1], "!then", 0, "line at once");
	CHECK(!urgent(read_[1]), "read: there is an urgent byte");
	get(read_[1], "one", 0, "read");
	get(read_[1], "two", 0, "read");
	CHECK(urgent(two[1]), "two");
	get(two[1], "a?b", 0, "two");
	get(two[1], "!", MSG_OOB, "two");
	get(two[1], "c", 0, "two");
	CHECK(urgent(only[1]), "only");
	get(only[1], "!", MSG_OOB, "only");
	wl_ok();
}
