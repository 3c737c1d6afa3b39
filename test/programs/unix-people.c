/*
 * State: who listened, who connected (SO_PEERCRED, SO_PEERGROUPS): a server child of another user, clients in two other
 * children, of which one has ended since, one has other groups; a connection that waits to be accepted; messages of several
 * processes, one of which has ended, at receivers that ask for their credentials and pidfds, a stream among them.
 * Verify: each of these, as the kernel told it before.
 */
#include "wl.h"
#include <grp.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/un.h>

#ifndef SO_PEERGROUPS
#define SO_PEERGROUPS 59
#endif
#ifndef SO_PASSPIDFD
#define SO_PASSPIDFD 76
#endif
#ifndef SCM_PIDFD
#define SCM_PIDFD 4
#endif
#define USER 23
#define GROUP 45

static struct sockaddr_un server = { .sun_family = AF_UNIX, .sun_path = "people.sock" };
static struct sockaddr_un hub = { .sun_family = AF_UNIX, .sun_path = "people.hub" };

static int client(void)
{
	int s = SYS(socket(AF_UNIX, SOCK_STREAM, 0));

	SYS(connect(s, (void *)&server, sizeof(server)));
	return s;
}

static struct ucred peer(int s)
{
	struct ucred u;
	socklen_t l = sizeof(u);

	SYS(getsockopt(s, SOL_SOCKET, SO_PEERCRED, &u, &l));
	return u;
}

static void is_peer(int s, struct ucred w, const char *what)
{
	struct ucred u = peer(s);

	CHECK(u.pid == w.pid && u.uid == w.uid && u.gid == w.gid, "%s: %d %u %u, was %d %u %u", what, u.pid, u.uid, u.gid, w.pid, w.uid, w.gid);
}

/* a message with whoever sent it: as many bytes, of that process and user */
static void expect(int s, int bytes, pid_t pid, uid_t uid, int pidfd, const char *what)
{
	char data[32], ctl[256];
	struct iovec io = { data, sizeof(data) };
	struct msghdr m = { .msg_iov = &io, .msg_iovlen = 1, .msg_control = ctl, .msg_controllen = sizeof(ctl) };
	int n = recvmsg(s, &m, MSG_DONTWAIT), told = 0, fds = 0;

	CHECK(n == bytes, "%s: %d bytes", what, n);
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&m); c; c = CMSG_NXTHDR(&m, c)) {
		struct ucred u;

		if (c->cmsg_type == SCM_CREDENTIALS) {
			memcpy(&u, CMSG_DATA(c), sizeof(u));
			CHECK(u.pid == pid && u.uid == uid, "%s: sent by %d %u, was %d %u", what, u.pid, u.uid, pid, uid);
			told = 1;
		}
		if (c->cmsg_type == SCM_PIDFD) {
			char name[64], text[512] = "", want[32];
			int fd, f;

			memcpy(&fd, CMSG_DATA(c), sizeof(fd));
			CHECK(fd >= 0, "%s: pidfd %d", what, fd);
			snprintf(name, sizeof(name), "/proc/self/fdinfo/%d", fd);
			f = SYS(open(name, O_RDONLY));
			SYS(read(f, text, sizeof(text) - 1));
			snprintf(want, sizeof(want), "Pid:\t%d\n", pid);
			CHECK(strstr(text, want) || strstr(text, "Pid:\t-1\n"), "%s: the pidfd is for another process", what);
			fds = 1;
		}
	}
	CHECK(told && fds == pidfd, "%s: credentials %d, pidfd %d", what, told, fds);
}

int main(void)
{
	int pipes[2], lst, acc[3], late, dg, mixed[2], on = 1, groups[4], held, sink;
	struct ucred was[3], own, later;
	gid_t other[] = { 5, 6, 7 };
	pid_t kid, gone, friend;
	struct wl_gate g;
	socklen_t l;
	char c;

	wl_init();
	unlink(server.sun_path);
	lst = SYS(socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0));
	SYS(bind(lst, (void *)&server, sizeof(server)));
	SYS(chmod(server.sun_path, 0777));
	dg = SYS(socket(AF_UNIX, SOCK_DGRAM, 0));
	SYS(bind(dg, (void *)&hub, sizeof(hub)));
	SYS(chmod(hub.sun_path, 0777));
	SYS(setsockopt(dg, SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)));
	int pidfds = setsockopt(dg, SOL_SOCKET, SO_PASSPIDFD, &on, sizeof(on)) == 0;

	SYS(socketpair(AF_UNIX, SOCK_STREAM, 0, mixed));
	SYS(setsockopt(mixed[1], SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)));
	sink = SYS(socket(AF_UNIX, SOCK_DGRAM, 0));
	SYS(connect(sink, (void *)&hub, sizeof(hub)));
	SYS(pipe(pipes));
	wl_gate_open(&g);
	/* listens as another user, connects later, holds its client */
	friend = SYS(fork());
	if (!friend) {
		SYS(setgroups(3, other));
		SYS(setresgid(GROUP, GROUP, GROUP));
		SYS(setresuid(-1, USER, -1));
		SYS(listen(lst, 7));
		int mine = client();

		SYS(send(sink, "friend", 6, 0));
		SYS(send(mixed[0], "friend", 6, 0));
		SYS(setresuid(0, 0, 0));
		wl_gate_done(&g);
		wl_wait();
		CHECK(peer(mine).pid == getpid() && peer(mine).uid == USER, "the friend's server is %d %u", peer(mine).pid, peer(mine).uid);
		_exit(0);
	}
	wl_gate_wait(&g, 1);
	/* connects and leaves the descriptor to others: it came by fork */
	held = SYS(socket(AF_UNIX, SOCK_STREAM, 0));
	gone = SYS(fork());
	if (!gone) {
		SYS(setresuid(-1, USER + 1, -1));
		SYS(connect(held, (void *)&server, sizeof(server)));
		SYS(send(sink, "gone", 4, 0));
		_exit(0);
	}
	SYS(waitpid(gone, NULL, 0));
	SYS(send(mixed[0], "root", 4, 0));
	SYS(send(sink, "mine", 4, 0));
	int direct = client();

	for (int i = 0; i < 3; i++) {
		acc[i] = SYS(accept(lst, NULL, NULL));
		was[i] = peer(acc[i]);
	}
	own = peer(lst);
	/* this one listens now, but the others connected to the friend's */
	SYS(listen(lst, 7));
	wl_gate_open(&g);
	kid = SYS(fork());
	if (!kid) {
		int waiting = client();

		wl_gate_done(&g);
		wl_wait();
		CHECK(peer(waiting).pid == getppid(), "the waiting one's server");
		SYS(send(waiting, "k", 1, 0));
		CHECK(recv(waiting, &c, 1, 0) == 1 && c == 'r', "the waiting one's reply");
		_exit(0);
	}
	wl_gate_wait(&g, 1);
	wl_ready();
	wl_wait();
	for (int i = 0; i < 3; i++)
		is_peer(acc[i], was[i], "accepted");
	is_peer(direct, own, "the server of a client");
	is_peer(held, own, "the server of a client that another one connected");
	later = (struct ucred){ getpid(), 0, 0 };
	is_peer(lst, later, "the listening one");
	l = sizeof(groups);
	SYS(getsockopt(direct, SOL_SOCKET, SO_PEERGROUPS, groups, &l));
	CHECK(l == 12 && groups[0] == 5 && groups[1] == 6 && groups[2] == 7, "groups of the server: %u bytes", l);
	late = SYS(accept(lst, NULL, NULL));
	is_peer(late, (struct ucred){ kid, 0, 0 }, "who waited");
	CHECK(accept(lst, NULL, NULL) < 0 && errno == EAGAIN, "another one waits");
	SYS(fcntl(late, F_SETFL, 0));
	expect(dg, 6, friend, 0, pidfds, "of the friend");
	expect(dg, 4, gone, 0, pidfds, "of who has ended");
	expect(dg, 4, getpid(), 0, pidfds, "of myself");
	expect(mixed[1], 6, friend, 0, 0, "stream of the friend");
	expect(mixed[1], 4, getpid(), 0, 0, "stream of myself");
	SYS(kill(kid, SIGUSR1));
	CHECK(recv(late, &c, 1, 0) == 1 && c == 'k', "data of who waited");
	SYS(send(late, "r", 1, 0));
	int status;

	SYS(waitpid(kid, &status, 0));
	CHECK(status == 0, "the child that waited: %x", status);
	wl_child_verify(friend);
	wl_ok();
}
