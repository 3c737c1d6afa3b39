// Descriptors in flight: messages with SCM_RIGHTS that wait in the queues of unix sockets. Says "ready", and when it gets
// SIGUSR1 receives them all and checks that they are what was sent: says "ok", or "FAIL" and what differs. With "empty" as
// argument some messages have no bytes. Works in the current directory.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>

#define KCMP_FILE 0
#define MANY 200

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

static void wait_for_go(void)
{
	sigset_t set;
	sigprocmask(SIG_SETMASK, NULL, &set);
	sigdelset(&set, SIGUSR1);
	while (!go)
		sigsuspend(&set);
}

static char byte_at(long i, int seed) { return (char)(i * 31 + (i >> 8) * 7 + seed); }

// Sends `n` bytes that can be told by their seed, with descriptors.
static void give(int socket, long n, int seed, int nr, const int *fds)
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
static void get(int line, int socket, long n, int seed, int nr, int *fds)
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
		fail(line, "message of %ld bytes: got %zd (%s)", n, r, r < 0 ? strerror(errno) : "");
	for (long i = 0; i < n; i++)
		if (data[i] != byte_at(i, seed))
			fail(line, "byte %ld of %ld differs", i, n);
	for (struct cmsghdr *h = CMSG_FIRSTHDR(&m); h; h = CMSG_NXTHDR(&m, h)) {
		got = (h->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		if (got != nr)
			fail(line, "%d descriptors, not %d", got, nr);
		memcpy(fds, CMSG_DATA(h), nr * sizeof(int));
	}
	if (got != nr || m.msg_flags & MSG_CTRUNC)
		fail(line, "%d descriptors, not %d", got, nr);
}
#define GET(...) get(__LINE__, __VA_ARGS__)

static int same(int a, int b) { return SYS(syscall(SYS_kcmp, getpid(), getpid(), KCMP_FILE, a, b)) == 0; }

static int make(const char *name, const char *text)
{
	int fd = SYS(open(name, O_RDWR | O_CREAT | O_TRUNC, 0644));
	CHECK(write(fd, text, strlen(text)) == (ssize_t)strlen(text), "write");
	return fd;
}

static void reads(int fd, const char *text)
{
	char buffer[64];
	ssize_t n = read(fd, buffer, sizeof(buffer));
	CHECK(n == (ssize_t)strlen(text) && !memcmp(buffer, text, n), "\"%s\": got %zd (%s)", text, n, n < 0 ? strerror(errno) : "");
}

// A queue of everything, for each type of socket.
static struct queue { int type, pair[2], file, pipe, far, ep, ep_pipe[2]; } queues[] = {
	{ .type = SOCK_STREAM }, { .type = SOCK_DGRAM }, { .type = SOCK_SEQPACKET },
};

static void fill(struct queue *q, int empty)
{
	int p[2], ghost, event, memory, timer, near[2], both[2], deep[2];
	char name[64];
	struct itimerspec its = { .it_value = { 100000, 0 } };
	struct epoll_event watch = { .events = EPOLLIN, .data.u64 = 77 };
	SYS(socketpair(AF_UNIX, q->type, 0, q->pair));
	int to = q->pair[0];
	snprintf(name, sizeof(name), "file.%d", q->type);
	q->file = make(name, "open and in flight");
	SYS(lseek(q->file, 5, SEEK_SET));
	snprintf(name, sizeof(name), "ghost.%d", q->type);
	ghost = make(name, "deleted and in flight");
	SYS(lseek(ghost, 12, SEEK_SET));
	SYS(unlink(name));
	SYS(pipe(p));
	SYS(write(p[1], "in the pipe", 11));
	q->pipe = p[1];
	give(to, 7, 1, 0, NULL);
	give(to, 3, 2, 1, &q->file);
	give(to, 1, 3, 2, (int[]){ p[0], ghost });
	give(to, 5000, 4, 0, NULL);
	give(to, 100, 5, 3, (int[]){ p[0], q->file, p[0] });
	close(p[0]);
	close(ghost);
	// kinds that have state
	event = SYS(eventfd(5, EFD_NONBLOCK));
	memory = SYS(memfd_create("flying", 0));
	SYS(write(memory, "memory", 6));
	timer = SYS(timerfd_create(CLOCK_MONOTONIC, 0));
	SYS(timerfd_settime(timer, 0, &its, NULL));
	q->ep = SYS(epoll_create1(0));
	SYS(pipe(q->ep_pipe));
	SYS(epoll_ctl(q->ep, EPOLL_CTL_ADD, q->ep_pipe[0], &watch));
	give(to, 30000, 6, 4, (int[]){ event, memory, timer, q->ep });
	close(event);
	close(memory);
	close(timer);
	close(q->ep);
	give(to, empty ? 0 : 1, 7, 1, &q->file);
	give(to, 3, 8, 0, NULL);
	// a socket, and what is in its own queue; one end, or both
	SYS(socketpair(AF_UNIX, q->type, 0, near));
	SYS(socketpair(AF_UNIX, SOCK_DGRAM, 0, both));
	SYS(pipe(deep));
	give(near[1], 10, 9, 0, NULL);
	give(near[1], 11, 10, 2, (int[]){ deep[0], both[0] });
	give(near[1], 12, 11, 0, NULL);
	give(both[1], 13, 12, 0, NULL);
	give(both[1], 14, 13, 1, &deep[1]);
	give(to, 15, 14, 2, (int[]){ near[0], both[1] });
	q->far = near[1];
	close(near[0]);
	close(both[0]);
	close(both[1]);
	close(deep[0]);
	close(deep[1]);
	give(to, 16, 15, 0, NULL);
}

static void empty_out(struct queue *q, int empty)
{
	int from = q->pair[1], fds[4], p, near, end, other, c[2];
	char buffer[64];
	uint64_t v;
	struct itimerspec its;
	struct epoll_event event;
	struct stat s;
	GET(from, 7, 1, 0, fds);
	GET(from, 3, 2, 1, fds);
	CHECK(same(fds[0], q->file) && lseek(fds[0], 0, SEEK_CUR) == 5, "it is another file");
	GET(from, 1, 3, 2, fds);
	p = fds[0];
	reads(p, "in the pipe");
	SYS(write(q->pipe, "more", 4));
	reads(p, "more");
	SYS(fstat(fds[1], &s));
	CHECK(s.st_nlink == 0 && lseek(fds[1], 0, SEEK_CUR) == 12, "the deleted file");
	reads(fds[1], "in flight");
	CHECK(pread(fds[1], buffer, 7, 0) == 7 && !memcmp(buffer, "deleted", 7), "content of the deleted file");
	GET(from, 5000, 4, 0, fds);
	GET(from, 100, 5, 3, fds);
	CHECK(same(fds[0], p) && same(fds[2], p) && same(fds[1], q->file), "they are others");
	GET(from, 30000, 6, 4, fds);
	CHECK(read(fds[0], &v, 8) == 8 && v == 5, "the eventfd");
	CHECK(pread(fds[1], buffer, 64, 0) == 6 && !memcmp(buffer, "memory", 6), "the memfd");
	SYS(timerfd_gettime(fds[2], &its));
	CHECK(its.it_value.tv_sec > 99000 && its.it_value.tv_sec < 100000, "the timer: %ld", (long)its.it_value.tv_sec);
	CHECK(SYS(epoll_wait(fds[3], &event, 1, 0)) == 0, "the epoll fires without reason");
	SYS(write(q->ep_pipe[1], "x", 1));
	CHECK(SYS(epoll_wait(fds[3], &event, 1, 0)) == 1 && event.data.u64 == 77, "the epoll");
	GET(from, empty ? 0 : 1, 7, 1, fds);
	CHECK(same(fds[0], q->file), "it is another file");
	GET(from, 3, 8, 0, fds);
	GET(from, 15, 14, 2, fds);
	near = fds[0];
	other = fds[1];
	GET(near, 10, 9, 0, fds);
	GET(near, 11, 10, 2, fds);
	end = fds[1];
	c[0] = fds[0];
	GET(near, 12, 11, 0, fds);
	GET(end, 13, 12, 0, fds);
	GET(end, 14, 13, 1, &c[1]);
	SYS(write(c[1], "deep", 4));
	reads(c[0], "deep");
	SYS(write(other, "pair", 4));
	reads(end, "pair");
	SYS(write(q->far, "far", 3));
	reads(near, "far");
	GET(from, 16, 15, 0, fds);
	CHECK(recv(from, buffer, 1, MSG_DONTWAIT) < 0 && errno == EAGAIN, "one message too many");
	close(q->pipe);
	CHECK(read(p, buffer, 1) == 0, "somebody else holds the pipe's other end");
}

int main(int argc, char **argv)
{
	int empty = argc > 1 && !strcmp(argv[1], "empty"), loop[2], fds[2], many[2], two[2], off = 2, n, status, file;
	socklen_t length = sizeof(n);
	struct sigaction action = { .sa_handler = on_go };
	sigset_t set;
	pid_t child;
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	sigaction(SIGUSR1, &action, NULL);
	// in flight from one process to another
	SYS(socketpair(AF_UNIX, SOCK_STREAM, 0, two));
	if (!(child = SYS(fork()))) {
		close(two[0]);
		wait_for_go();
		GET(two[1], 2, 1, 1, fds);
		CHECK(lseek(fds[0], 0, SEEK_CUR) == 4, "position in the child");
		SYS(lseek(fds[0], 6, SEEK_SET));
		_exit(0);
	}
	close(two[1]);
	file = make("passed", "from parent to child");
	SYS(lseek(file, 4, SEEK_SET));
	give(two[0], 2, 1, 1, &file);
	for (int i = 0; i < 3; i++)
		fill(&queues[i], empty && queues[i].type != SOCK_STREAM);
	// a socket in its own queue, twice
	SYS(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, loop));
	give(loop[1], 1, 1, 1, &loop[0]);
	give(loop[1], 2, 2, 2, loop);
	// more messages than are looked at at a time; the offset of peeking is the program's
	SYS(socketpair(AF_UNIX, SOCK_DGRAM, 0, many));
	for (int i = 0; i < MANY; i++)
		give(many[0], i + 1, i, 1, &file);
	SYS(setsockopt(many[1], SOL_SOCKET, SO_PEEK_OFF, &off, sizeof(off)));
	say("ready\n");
	wait_for_go();
	SYS(getsockopt(many[1], SOL_SOCKET, SO_PEEK_OFF, &n, &length));
	CHECK(n == off || n == -1, "SO_PEEK_OFF %d", n);
	for (int i = 0; i < MANY; i++) {
		GET(many[1], i + 1, i, 1, fds);
		CHECK(same(fds[0], file), "message %d: it is another file", i);
		close(fds[0]);
	}
	GET(loop[0], 1, 1, 1, fds);
	CHECK(same(fds[0], loop[0]), "it is another socket");
	GET(fds[0], 2, 2, 2, fds);
	CHECK(same(fds[0], loop[0]) && same(fds[1], loop[1]), "they are other sockets");
	for (int i = 0; i < 3; i++)
		empty_out(&queues[i], empty && queues[i].type != SOCK_STREAM);
	SYS(kill(child, SIGUSR1));
	CHECK(waitpid(child, &status, 0) == child && status == 0, "child: status %#x", status);
	CHECK(lseek(file, 0, SEEK_CUR) == 6, "the child's file is another one");
	say("ok\n");
	return 0;
}
