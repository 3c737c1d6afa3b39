// Sockets that are looked at before a dump and after it: all options of SOL_SOCKET, filter, owner, maker, flags, events.
#ifndef LOOK_AT_SOCKETS_H
#define LOOK_AT_SOCKETS_H
#include "wl.h"
#include <grp.h>
#include <linux/filter.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#define LAST_OPTION 90
#define SOCKETS 64

// Descriptors of all sockets that are looked at, and what each was.
static int sockets[SOCKETS], nr_sockets;
struct answer { int error; socklen_t length; unsigned char value[64]; };
static struct state {
	struct answer options[LAST_OPTION];
	struct stat stat;
	struct sock_filter filter[8];
	int nr_filter, peer, flags, owner;
} before[SOCKETS], after;

static UNUSED void pair(int type, int out[2])
{
	SYS(socketpair(AF_UNIX, type | SOCK_NONBLOCK, 0, out));
	for (int i = 0; i < 2; i++)
		sockets[nr_sockets++] = out[i];
}

// SO_ERROR would take it away, SO_COOKIE is the kernel's own count, SO_PEERPIDFD makes a descriptor, SO_MEMINFO tells
// memory of the kernel.
static int is_state(int option) { return option != SO_ERROR && option != 57 && option != 77 && option != 55 && option != SO_GET_FILTER; }

// The process that made the pair: 0 for one that has ended.
static int peer_of(int s)
{
	int fd = -1;
	socklen_t l = sizeof(fd);
	if (getsockopt(s, SOL_SOCKET, 77, &fd, &l) < 0)
		return errno == ENODATA ? -1 : errno == ENOPROTOOPT ? -2 : 0;
	char path[64], text[512] = "";
	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	int info = SYS(open(path, O_RDONLY));
	SYS(read(info, text, sizeof(text) - 1));
	close(info);
	close(fd);
	char *pid = strstr(text, "\nPid:");
	CHECK(pid, "pidfd without pid: %s", text);
	int n = atoi(pid + 5);
	return n > 0 ? n : 0;
}

static void look(int s, struct state *state)
{
	memset(state, 0, sizeof(*state));
	for (int o = 1; o < LAST_OPTION; o++) {
		struct answer *a = &state->options[o];
		if (!is_state(o))
			continue;
		a->length = sizeof(a->value);
		if (getsockopt(s, SOL_SOCKET, o, a->value, &a->length) < 0)
			a->error = errno, a->length = 0;
	}
	SYS(fstat(s, &state->stat));
	socklen_t n = 8;
	state->nr_filter = getsockopt(s, SOL_SOCKET, SO_GET_FILTER, state->filter, &n) < 0 ? -errno : (int)n;
	state->peer = peer_of(s);
	state->flags = SYS(fcntl(s, F_GETFL));
	state->owner = fcntl(s, F_GETOWN);
}

static void compare(int s, struct state *was)
{
	look(s, &after);
	for (int o = 1; o < LAST_OPTION; o++) {
		struct answer *a = &was->options[o], *b = &after.options[o];
		CHECK(a->error == b->error && a->length == b->length && !memcmp(a->value, b->value, a->length),
		      "socket %d option %d: error %d length %d first %d, was %d %d %d", s, o, b->error, b->length, *(int *)b->value,
		      a->error, a->length, *(int *)a->value);
	}
	CHECK(was->stat.st_uid == after.stat.st_uid && was->stat.st_gid == after.stat.st_gid && was->stat.st_mode == after.stat.st_mode,
	      "socket %d: owner %d:%d mode %o, was %d:%d %o", s, after.stat.st_uid, after.stat.st_gid, after.stat.st_mode,
	      was->stat.st_uid, was->stat.st_gid, was->stat.st_mode);
	CHECK(was->nr_filter == after.nr_filter && !memcmp(was->filter, after.filter, sizeof(after.filter)), "socket %d: filter", s);
	CHECK(was->peer == after.peer, "socket %d: SO_PEERPIDFD %d, was %d", s, after.peer, was->peer);
	CHECK(was->flags == after.flags && was->owner == after.owner, "socket %d: flags %x owner %d, was %x %d", s, after.flags,
	      after.owner, was->flags, was->owner);
}

static int events(int s)
{
	struct pollfd p = { s, POLLIN | POLLOUT | POLLRDHUP | POLLPRI, 0 };
	return poll(&p, 1, 0) > 0 ? p.revents : 0;
}

static int events_before[SOCKETS];

static void look_at_all(void)
{
	for (int i = 0; i < nr_sockets; i++) {
		look(sockets[i], &before[i]);
		events_before[i] = events(sockets[i]);
	}
}

static void compare_all(void)
{
	for (int i = 0; i < nr_sockets; i++) {
		compare(sockets[i], &before[i]);
		CHECK(events(sockets[i]) == events_before[i], "socket %d: poll %x, was %x", sockets[i], events(sockets[i]), events_before[i]);
	}
}
#endif
