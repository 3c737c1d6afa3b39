/*
 * State: datagram sockets with names: several that are connected to one, with messages in its queue of these, of others,
 * of one that is closed, of one in the abstract namespace; two that are connected to each other by name; one that is
 * connected to itself; one whose peer is closed; descriptors and empty messages in queues; one that is not bound and gets
 * a name by itself.
 * Verify: messages with the names of their senders, in order; who is connected to whom.
 */
#include "wl.h"
#include <stddef.h>
#include <sys/socket.h>
#include <sys/un.h>

#define HEAD offsetof(struct sockaddr_un, sun_path)

static char names[8][40];

/* a path, or @ and an abstract name */
static socklen_t address(struct sockaddr_un *a, const char *name)
{
	size_t n = strlen(name);

	memset(a, 0, sizeof(*a));
	a->sun_family = AF_UNIX;
	memcpy(a->sun_path, name, n);
	if (name[0] != '@')
		return HEAD + n + 1;
	a->sun_path[0] = 0;
	return HEAD + n;
}

static int named(const char *name)
{
	struct sockaddr_un a;
	int s = SYS(socket(AF_UNIX, SOCK_DGRAM, 0));

	if (name) {
		socklen_t l = address(&a, name);

		SYS(bind(s, (void *)&a, l));
	}
	return s;
}

static void to(int s, const char *name)
{
	struct sockaddr_un a;
	socklen_t l = address(&a, name);

	SYS(connect(s, (void *)&a, l));
}

static void send_to(int s, const char *name, const char *text)
{
	struct sockaddr_un a;
	socklen_t l = address(&a, name);

	CHECK(sendto(s, text, strlen(text), 0, (void *)&a, l) == (ssize_t)strlen(text), "sending to %s: %s", name, strerror(errno));
}

static void expect(int s, const char *text, const char *from)
{
	struct sockaddr_un a, w;
	socklen_t l = sizeof(a), wl = from ? address(&w, from) : 0;
	char b[64];
	int n;

	memset(&a, 0, sizeof(a));
	n = recvfrom(s, b, sizeof(b), MSG_DONTWAIT, (void *)&a, &l);
	CHECK(n == (int)strlen(text) && !memcmp(b, text, n), "wanted '%s', got %d bytes '%.*s'", text, n, n > 0 ? n : 0, b);
	CHECK(l == wl && (!from || !memcmp(a.sun_path, w.sun_path, wl - HEAD)), "'%s' is of '%s' (%u)", text, a.sun_path[0] ? a.sun_path : a.sun_path + 1, l);
}

static void nothing(int s, const char *what)
{
	char b;

	CHECK(recv(s, &b, 1, MSG_DONTWAIT) < 0 && errno == EAGAIN, "%s: something is left", what);
}

int main(void)
{
	int early[3], behind, hub, one, two, other, anon, abstract, closed, a, b, self, orphan, lost, fds[1], p[2], none, s;
	char ctl[CMSG_SPACE(sizeof(fds))];
	struct iovec io = { "with fd", 7 };
	struct sockaddr_un hubname;
	struct msghdr m = { .msg_name = &hubname, .msg_iov = &io, .msg_iovlen = 1, .msg_control = ctl, .msg_controllen = sizeof(ctl) };
	struct cmsghdr *c;

	wl_init();
	for (int i = 0; i < 8; i++)
		snprintf(names[i], sizeof(names[i]), "@unix-datagrams-%d-%d", getpid(), i);
	for (int i = 0; i < 3; i++)
		early[i] = named(NULL);
	behind = named("behind.sock");
	for (int i = 0; i < 3; i++)
		to(early[i], "behind.sock");
	hub = named("hub.sock");
	one = named("one.sock");
	two = named(NULL);
	other = named("other.sock");
	anon = named(NULL);
	abstract = named(names[0]);
	closed = named("closed.sock");
	to(one, "hub.sock");
	to(two, "hub.sock");
	SYS(send(one, "from one", 8, 0));
	SYS(send(two, "from two", 8, 0));
	send_to(other, "hub.sock", "from other");
	send_to(anon, "hub.sock", "from anybody");
	send_to(abstract, "hub.sock", "from abstract");
	send_to(closed, "hub.sock", "from closed");
	SYS(send(one, "", 0, 0));
	SYS(unlink("closed.sock"));
	close(closed);
	SYS(pipe(p));
	m.msg_namelen = address(&hubname, "hub.sock");
	memset(ctl, 0, sizeof(ctl));
	c = CMSG_FIRSTHDR(&m);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(fds));
	memcpy(CMSG_DATA(c), &p[0], sizeof(int));
	SYS(sendmsg(other, &m, 0));
	SYS(write(p[1], "in it", 5));
	close(p[0]);
	a = named("a.sock");
	b = named(names[1]);
	to(a, names[1]);
	send_to(a, names[1], "before");
	to(b, "a.sock");
	SYS(send(b, "to a", 4, 0));
	self = named(names[2]);
	to(self, names[2]);
	SYS(send(self, "to myself", 9, 0));
	lost = named(names[3]);
	orphan = named("orphan.sock");
	to(orphan, names[3]);
	send_to(lost, "orphan.sock", "last words");
	close(lost);
	/* bind(2) of nothing: the kernel chooses a name */
	none = SYS(socket(AF_UNIX, SOCK_DGRAM, 0));
	memset(&hubname, 0, sizeof(hubname));
	hubname.sun_family = AF_UNIX;
	SYS(bind(none, (void *)&hubname, HEAD));
	char chosen[20] = "", now[20] = "";
	socklen_t l = sizeof(chosen);

	SYS(getsockname(none, (void *)chosen, &l));
	wl_ready();
	wl_wait();
	for (int i = 0; i < 3; i++) {
		SYS(send(early[i], "early", 5, 0));
		expect(behind, "early", NULL);
	}
	expect(hub, "from one", "one.sock");
	expect(hub, "from two", NULL);
	expect(hub, "from other", "other.sock");
	expect(hub, "from anybody", NULL);
	expect(hub, "from abstract", names[0]);
	expect(hub, "from closed", "closed.sock");
	expect(hub, "", "one.sock");
	io.iov_base = now;
	io.iov_len = sizeof(now);
	m.msg_namelen = sizeof(hubname);
	m.msg_controllen = sizeof(ctl);
	CHECK(recvmsg(hub, &m, MSG_DONTWAIT) == 7 && !strcmp(hubname.sun_path, "other.sock"), "the message with a descriptor");
	CHECK((c = CMSG_FIRSTHDR(&m)) && c->cmsg_type == SCM_RIGHTS, "no descriptor");
	memcpy(fds, CMSG_DATA(c), sizeof(fds));
	CHECK(read(fds[0], now, sizeof(now)) == 5, "the pipe in flight");
	nothing(hub, "hub");
	SYS(send(one, "again", 5, 0));
	expect(hub, "again", "one.sock");
	SYS(send(two, "again", 5, 0));
	expect(hub, "again", NULL);
	CHECK(access("closed.sock", F_OK) < 0, "the name of the closed one came back");
	expect(b, "before", "a.sock");
	expect(a, "to a", names[1]);
	SYS(send(a, "x", 1, 0));
	expect(b, "x", "a.sock");
	SYS(send(b, "y", 1, 0));
	expect(a, "y", names[1]);
	s = named(NULL);
	memset(&hubname, 0, sizeof(hubname));
	l = address(&hubname, "a.sock");
	CHECK(sendto(s, "z", 1, MSG_DONTWAIT, (void *)&hubname, l) < 0 && errno == EPERM, "a stranger may send: %s", strerror(errno));
	expect(self, "to myself", names[2]);
	SYS(send(self, "more", 4, 0));
	expect(self, "more", names[2]);
	expect(orphan, "last words", names[3]);
	l = sizeof(hubname);
	memset(&hubname, 0, sizeof(hubname));
	SYS(getpeername(orphan, (void *)&hubname, &l));
	CHECK(l == HEAD + strlen(names[3]) && !memcmp(hubname.sun_path + 1, names[3] + 1, l - HEAD - 1), "the name of the closed peer");
	CHECK(send(orphan, "?", 1, 0) < 0 && errno == ECONNREFUSED, "the closed peer: %s", strerror(errno));
	l = sizeof(now);
	memset(now, 0, sizeof(now));
	SYS(getsockname(none, (void *)now, &l));
	CHECK(!memcmp(now, chosen, sizeof(now)), "another name was chosen");
	wl_ok();
}
