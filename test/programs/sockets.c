// Unix socket pairs with everything that can be asked of them set: options of SOL_SOCKET, filters, who made them, owners,
// errors and shut-down ends. Says "ready"; at SIGUSR1 it looks whether all is as it was: "ok", or "FAIL" and what is not.
// With "ebpf" it has a filter that cannot be read. Needs root.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/bpf.h>
#include <linux/filter.h>
#include <linux/net_tstamp.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define LAST_OPTION 90
#define SOCKETS 64

static volatile sig_atomic_t go;
static void on_go(int sig) { (void)sig; go = 1; }

static void say(const char *text) { if (write(1, text, strlen(text)) < 0) _exit(3); }

__attribute__((format(printf, 2, 3))) static void fail(int line, const char *format, ...)
{
	char text[400];
	va_list args;
	int n = snprintf(text, sizeof(text), "FAIL line %d: ", line);
	va_start(args, format);
	vsnprintf(text + n, sizeof(text) - n - 2, format, args);
	strcat(text, "\n");
	say(text);
	_exit(1);
}

#define CHECK(condition, ...) do { if (!(condition)) fail(__LINE__, __VA_ARGS__); } while (0)
#define SYS(call) ({ __typeof__(call) r_ = (call); if ((long)r_ == -1) fail(__LINE__, "%s: %s", #call, strerror(errno)); r_; })

// Descriptors of all sockets that are looked at, and what each was.
static int sockets[SOCKETS], nr_sockets;
struct answer { int error; socklen_t length; unsigned char value[64]; };
static struct state {
	struct answer options[LAST_OPTION];
	struct stat stat;
	struct sock_filter filter[8];
	int nr_filter, peer, flags, owner;
} before[SOCKETS], after;

static void pair(int type, int out[2])
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

// What there is in newer kernels than the headers.
static void set(int s, int option, int value, int may_be_missing)
{
	if (setsockopt(s, SOL_SOCKET, option, &value, sizeof(value)) < 0 &&
	    !(may_be_missing && (errno == ENOPROTOOPT || errno == EOPNOTSUPP || errno == EINVAL)))
		fail(__LINE__, "setup: option %d: %s", option, strerror(errno));
}

static struct sock_filter drop_all[] = { { BPF_RET | BPF_K, 0, 0, 0 } };
static struct sock_filter by_first[] = {
	{ BPF_LD | BPF_B | BPF_ABS, 0, 0, 0 },
	{ BPF_JMP | BPF_JEQ | BPF_K, 0, 1, 'y' },
	{ BPF_RET | BPF_K, 0, 0, 0xfffffff0 },
	{ BPF_RET | BPF_K, 0, 0, 0 },
};

static void attach(int s, struct sock_filter *code, int n)
{
	struct sock_fprog program = { n, code };
	SYS(setsockopt(s, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)));
}

static int options[3][2], filtered[2], picky[2], stamped[2];

static void set_options(void)
{
	int types[] = { SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET };
	for (int t = 0; t < 3; t++) {
		int *s = options[t];
		struct linger linger = { 1, 7 };
		struct timeval send = { 3, 500000 }, receive = { 86400, 4000 };
		uint64_t rate = 5000000000ull;
		struct { int32_t clock; uint32_t flags; } txtime = { CLOCK_MONOTONIC, 2 };
		struct { int32_t flags, clock; } stamping = { SOF_TIMESTAMPING_SOFTWARE | SOF_TIMESTAMPING_RX_SOFTWARE, 0 };
		pair(types[t], s);
		int ones[] = { SO_DEBUG, SO_REUSEADDR, SO_DONTROUTE, SO_BROADCAST, SO_KEEPALIVE, SO_OOBINLINE, SO_NO_CHECK, SO_PASSCRED };
		for (unsigned i = 0; i < sizeof(ones) / sizeof(*ones); i++)
			set(s[0], ones[i], 1, 0);
		int newer[] = { 34, 40, 41, 43, 45, 69, 75, 76, 82 };
		for (unsigned i = 0; i < sizeof(newer) / sizeof(*newer); i++)
			set(s[0], newer[i], 1, 1);
		set(s[0], SO_SNDBUF, 54321, 0);
		set(s[0], SO_RCVBUF, 12346, 0);
		set(s[0], SO_PRIORITY, 5 + t, 0);
		set(s[0], SO_MARK, -3 - t, 0);
		set(s[0], SO_RCVLOWAT, 11, 0);
		set(s[0], SO_BUSY_POLL, 31, 1);
		set(s[0], SO_INCOMING_CPU, 1, 1);
		set(s[0], 62, 1, 0); // SO_BINDTOIFINDEX: lo
		set(s[1], SO_PEEK_OFF, 4 + t, 0);
		set(s[1], 83, 0, 1); // SO_PASSRIGHTS
		set(s[1], 72, 1 + t, 0); // SO_BUF_LOCK
		SYS(setsockopt(s[0], SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)));
		SYS(setsockopt(s[0], SOL_SOCKET, SO_SNDTIMEO, &send, sizeof(send)));
		SYS(setsockopt(s[0], SOL_SOCKET, SO_RCVTIMEO, &receive, sizeof(receive)));
		SYS(setsockopt(s[0], SOL_SOCKET, SO_MAX_PACING_RATE, &rate, sizeof(rate)));
		SYS(setsockopt(s[0], SOL_SOCKET, 61, &txtime, sizeof(txtime)));
		int stamps[] = { 29, 35, 63 };
		set(s[0], stamps[t], 1, 0);
		SYS(setsockopt(s[1], SOL_SOCKET, t == 1 ? 65 : 37, &stamping, sizeof(stamping)));
		if (t == 2)
			set(s[1], 64, 1, 0);
		SYS(fcntl(s[0], F_SETOWN, getpid()));
	}
	pair(SOCK_DGRAM, stamped);
	set(stamped[0], 29, 1, 0);
	// the filter stands behind what was sent before it
	pair(SOCK_DGRAM, filtered);
	attach(filtered[1], drop_all, 1);
	pair(SOCK_DGRAM, picky);
	SYS(write(picky[0], "no, but before", 14));
	attach(picky[1], by_first, 4);
	set(picky[1], SO_LOCK_FILTER, 1, 0);
}

static void check_filters(void)
{
	char c[32];
	SYS(write(filtered[0], "x", 1));
	CHECK(read(filtered[1], c, sizeof(c)) < 0 && errno == EAGAIN, "the filter that drops everything is gone");
	CHECK(read(picky[1], c, sizeof(c)) == 14, "what was sent before the filter is gone");
	SYS(write(picky[0], "no", 2));
	SYS(write(picky[0], "yes", 3));
	int n = read(picky[1], c, sizeof(c));
	CHECK(n == 3 && c[0] == 'y', "the filter gives %d bytes of %.2s: %s", n, c, strerror(errno));
	struct sock_fprog program = { 1, drop_all };
	CHECK(setsockopt(picky[1], SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) < 0 && errno == EPERM, "the filter is not locked");
}

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

// Ends that are closed or shut down.
static int reset, reset_seq, half[2], quiet[2], alone, left, disconnected;

static void close_ends(void)
{
	int s[2];
	SYS(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, s));
	SYS(write(s[0], "unread", 6));
	SYS(write(s[1], "still here", 10));
	close(s[1]);
	reset = s[0];
	SYS(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, s));
	SYS(write(s[0], "unread", 6));
	close(s[1]);
	reset_seq = s[0];
	pair(SOCK_STREAM, half);
	SYS(shutdown(half[0], SHUT_WR));
	pair(SOCK_DGRAM, quiet);
	SYS(shutdown(quiet[0], SHUT_RD));
	alone = SYS(socket(AF_UNIX, SOCK_STREAM, 0));
	SYS(shutdown(alone, SHUT_WR));
	// the peer is closed, and that is not noticed yet
	SYS(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, s));
	SYS(shutdown(s[0], SHUT_WR));
	close(s[1]);
	left = s[0];
	// noticed: it has no peer any more, but still tells who that was
	SYS(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, s));
	close(s[1]);
	CHECK(write(s[0], "x", 1) < 0 && errno == ECONNREFUSED, "setup: %s", strerror(errno));
	disconnected = s[0];
	sockets[nr_sockets++] = reset;
	sockets[nr_sockets++] = reset_seq;
	sockets[nr_sockets++] = alone;
	sockets[nr_sockets++] = left;
	sockets[nr_sockets++] = disconnected;
}

static int events(int s)
{
	struct pollfd p = { s, POLLIN | POLLOUT | POLLRDHUP | POLLPRI, 0 };
	return poll(&p, 1, 0) > 0 ? p.revents : 0;
}

static int events_before[SOCKETS];

static void check_ends(void)
{
	char text[32];
	CHECK(read(reset, text, sizeof(text)) == 10, "what a closed end had sent is gone");
	CHECK(read(reset, text, sizeof(text)) < 0 && errno == ECONNRESET, "no reset of a stream");
	CHECK(read(reset, text, sizeof(text)) == 0, "a reset stream has no end");
	CHECK(read(reset_seq, text, sizeof(text)) < 0 && errno == ECONNRESET, "no reset of a seqpacket socket");
	CHECK(read(half[1], text, sizeof(text)) == 0, "a stream that was shut down is open");
	CHECK(write(half[1], "x", 1) == 1, "the other half: %s", strerror(errno));
	CHECK(send(quiet[1], "x", 1, 0) < 0 && errno == EPIPE, "a datagram socket that was shut down: %s", strerror(errno));
	CHECK(send(left, "x", 1, MSG_NOSIGNAL) < 0 && errno == EPIPE, "its peer is closed, it was shut down: %s", strerror(errno));
	CHECK(write(disconnected, "x", 1) < 0 && errno == ENOTCONN, "a disconnected socket: %s", strerror(errno));
}

static void attach_ebpf(void)
{
	int s[2];
	struct bpf_insn code[] = { { .code = BPF_ALU64 | BPF_MOV | BPF_K }, { .code = BPF_JMP | BPF_EXIT } };
	union bpf_attr attr = { .prog_type = BPF_PROG_TYPE_SOCKET_FILTER, .insn_cnt = 2, .insns = (uintptr_t)code, .license = (uintptr_t)"GPL" };
	int program = syscall(SYS_bpf, BPF_PROG_LOAD, &attr, sizeof(attr));
	if (program < 0) {
		say("no eBPF\n");
		_exit(0);
	}
	SYS(socketpair(AF_UNIX, SOCK_DGRAM, 0, s));
	SYS(setsockopt(s[0], SOL_SOCKET, SO_ATTACH_BPF, &program, sizeof(program)));
	close(program);
}

int main(int argc, char **argv)
{
	sigset_t block;
	signal(SIGPIPE, SIG_IGN);
	struct sigaction action = { .sa_handler = on_go };
	sigaction(SIGUSR1, &action, NULL);
	sigemptyset(&block);
	sigaddset(&block, SIGUSR1);
	sigprocmask(SIG_BLOCK, &block, NULL);
	if (argc > 1 && !strcmp(argv[1], "ebpf"))
		attach_ebpf();
	SYS((long)syscall(SYS_setgroups, 0, NULL));
	set_options();
	make_others();
	close_ends();
	for (int i = 0; i < nr_sockets; i++) {
		look(sockets[i], &before[i]);
		events_before[i] = events(sockets[i]);
	}
	say("ready\n");
	sigdelset(&block, SIGUSR1);
	sigprocmask(SIG_SETMASK, NULL, &block);
	sigdelset(&block, SIGUSR1);
	while (!go)
		sigsuspend(&block);
	for (int i = 0; i < nr_sockets; i++) {
		compare(sockets[i], &before[i]);
		CHECK(events(sockets[i]) == events_before[i], "socket %d: poll %x, was %x", sockets[i], events(sockets[i]), events_before[i]);
	}
	check_filters();
	check_others();
	check_ends();
	say("ok\n");
	return 0;
}
