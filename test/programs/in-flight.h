// Messages with SCM_RIGHTS that wait in the queues of unix sockets: sending them, and receiving exactly what was sent.
#ifndef IN_FLIGHT_H
#define IN_FLIGHT_H
#include "wl.h"
#include <sys/socket.h>

#define KCMP_FILE 0

static char byte_at(long i, int seed) { return (char)(i * 31 + (i >> 8) * 7 + seed); }

// Sends `n` bytes that can be told by their seed, with descriptors.
static UNUSED void give(int socket, long n, int seed, int nr, const int *fds)
{
	static char data[200000];
	char control[CMSG_SPACE(253 * sizeof(int))] = {};
	struct iovec iov = { data, n };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };
	for (long i = 0; i < n; i++)
		data[i] = byte_at(i, seed);
	if (nr) {
		m.msg_control = control;
		m.msg_controllen = CMSG_SPACE(nr * sizeof(int));
		struct cmsghdr *h = CMSG_FIRSTHDR(&m);
		h->cmsg_level = SOL_SOCKET;
		h->cmsg_type = SCM_RIGHTS;
		h->cmsg_len = CMSG_LEN(nr * sizeof(int));
		memcpy(CMSG_DATA(h), fds, nr * sizeof(int));
	}
	CHECK(SYS(sendmsg(socket, &m, 0)) == n, "setup: a message was cut");
}

// Receives them: nothing else, nothing less.
static UNUSED void get(int line, int socket, long n, int seed, int nr, int *fds)
{
	static char data[200000];
	char control[CMSG_SPACE(253 * sizeof(int))];
	int type, got = 0;
	socklen_t length = sizeof(type);
	SYS(getsockopt(socket, SOL_SOCKET, SO_TYPE, &type, &length));
	struct iovec iov = { data, type == SOCK_STREAM ? n : (long)sizeof(data) };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control) };
	ssize_t r = recvmsg(socket, &m, MSG_DONTWAIT);
	if (r != n)
		wl_fail("line %d: message of %ld bytes: got %zd (%s)", line, n, r, r < 0 ? strerror(errno) : "");
	for (long i = 0; i < n; i++)
		if (data[i] != byte_at(i, seed))
			wl_fail("line %d: byte %ld of %ld differs", line, i, n);
	for (struct cmsghdr *h = CMSG_FIRSTHDR(&m); h; h = CMSG_NXTHDR(&m, h)) {
		got = (h->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		if (got != nr)
			wl_fail("line %d: %d descriptors, not %d", line, got, nr);
		memcpy(fds, CMSG_DATA(h), nr * sizeof(int));
	}
	if (got != nr || m.msg_flags & MSG_CTRUNC)
		wl_fail("line %d: %d descriptors, not %d", line, got, nr);
}
#define GET(...) get(__LINE__, __VA_ARGS__)

static UNUSED int same(int a, int b) { return SYS(syscall(SYS_kcmp, getpid(), getpid(), KCMP_FILE, a, b)) == 0; }

static UNUSED int make(const char *name, const char *text)
{
	int fd = SYS(open(name, O_RDWR | O_CREAT | O_TRUNC, 0644));
	CHECK(write(fd, text, strlen(text)) == (ssize_t)strlen(text), "write");
	return fd;
}

static UNUSED void reads(int fd, const char *text)
{
	char buffer[64];
	ssize_t n = read(fd, buffer, sizeof(buffer));
	CHECK(n == (ssize_t)strlen(text) && !memcmp(buffer, text, n), "\"%s\": got %zd (%s)", text, n, n < 0 ? strerror(errno) : "");
}
#endif
