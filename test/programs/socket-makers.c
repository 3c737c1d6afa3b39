/*
 * State: unix socket pairs that were made by others: another user, a child, processes
 * that have ended.
 * Verify: SO_PEERCRED, SO_PEERGROUPS, SO_PEERPIDFD, owners; the queues.
 */
#include "wl.h"
#include "look-at-sockets.h"

// Pairs made by others than the process itself.
static int by_user[2], by_child[2], by_dead[2], by_dead_user[2];

static void as_user(uid_t uid, gid_t gid, const gid_t *groups, int nr, int type, int out[2])
{
	SYS((long)syscall(SYS_setgroups, nr, groups));
	SYS((long)syscall(SYS_setresgid, -1, gid, -1));
	SYS((long)syscall(SYS_setresuid, -1, uid, -1));
	SYS(socketpair(AF_UNIX, type, 0, out));
}

static void send_pair(int to, const int *fds)
{
	char c = 0, control[CMSG_SPACE(2 * sizeof(int))] = {};
	struct iovec iov = { &c, 1 };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control) };
	struct cmsghdr *h = CMSG_FIRSTHDR(&m);
	h->cmsg_level = SOL_SOCKET;
	h->cmsg_type = SCM_RIGHTS;
	h->cmsg_len = CMSG_LEN(2 * sizeof(int));
	memcpy(CMSG_DATA(h), fds, 2 * sizeof(int));
	SYS(sendmsg(to, &m, 0));
}

static void receive_pair(int from, int *fds)
{
	char c, control[CMSG_SPACE(2 * sizeof(int))] = {};
	struct iovec iov = { &c, 1 };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control) };
	SYS(recvmsg(from, &m, 0));
	memcpy(fds, CMSG_DATA(CMSG_FIRSTHDR(&m)), 2 * sizeof(int));
	for (int i = 0; i < 2; i++)
		sockets[nr_sockets++] = fds[i];
}

// A child that keeps one end of its own, and answers on it.
static void child_that_stays(void)
{
	int to[2];
	SYS(socketpair(AF_UNIX, SOCK_STREAM, 0, to));
	if (SYS(fork()) == 0) {
		int own[2];
		SYS(socketpair(AF_UNIX, SOCK_STREAM, 0, own));
		SYS(write(own[0], "from the child", 14));
		send_pair(to[1], own);
		close(own[1]);
		close(to[0]);
		for (char c; read(own[0], &c, 1) == 1;)
			SYS(write(own[0], &c, 1));
		_exit(0);
	}
	close(to[1]);
	receive_pair(to[0], by_child);
	close(to[0]);
}

static void child_that_ends(uid_t uid, int type, int *out)
{
	int to[2];
	gid_t groups[] = { 7, 12345, 70000 };
	SYS(socketpair(AF_UNIX, SOCK_STREAM, 0, to));
	pid_t child = SYS(fork());
	if (child == 0) {
		int own[2];
		if (uid)
			as_user(uid, 4321, groups, 3, type, own);
		else
			SYS(socketpair(AF_UNIX, type, 0, own));
		send_pair(to[1], own);
		_exit(0);
	}
	receive_pair(to[0], out);
	SYS(waitpid(child, NULL, 0));
	close(to[0]);
	close(to[1]);
}

static void make_others(void)
{
	gid_t groups[] = { 1, 2, 3, 65533 };
	as_user(1000, 1001, groups, 4, SOCK_SEQPACKET, by_user);
	SYS((long)syscall(SYS_setresuid, -1, 0, -1));
	SYS((long)syscall(SYS_setresgid, -1, 0, -1));
	SYS((long)syscall(SYS_setgroups, 0, NULL));
	sockets[nr_sockets++] = by_user[0];
	sockets[nr_sockets++] = by_user[1];
	SYS(fchown(by_user[1], 3, 4));
	SYS(fchmod(by_user[1], 0640));
	child_that_stays();
	child_that_ends(0, SOCK_STREAM, by_dead);
	child_that_ends(1234, SOCK_DGRAM, by_dead_user);
	SYS(write(by_dead[0], "left behind", 11));
}

static void check_others(void)
{
	char text[32];
	CHECK(read(by_child[1], text, sizeof(text)) == 14, "the child's pair has lost its queue");
	SYS(write(by_child[1], "?", 1));
	CHECK(read(by_child[1], text, 1) == 1 && *text == '?', "the child does not answer");
	CHECK(read(by_dead[1], text, sizeof(text)) == 11, "what was left behind is gone");
}

int main(void)
{
	signal(SIGPIPE, SIG_IGN);
	wl_init();
	SYS((long)syscall(SYS_setgroups, 0, NULL));
	make_others();
	look_at_all();
	wl_ready();
	wl_wait();
	compare_all();
	check_others();
	wl_ok();
}
