// Sets up descriptors of one kind (its argument), says "ready", and when it gets SIGUSR1 checks that all is as it was: says
// "ok", or "FAIL" and what differs. Works in the current directory.
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
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef F_GETOWNER_UIDS
#define F_GETOWNER_UIDS 17
#endif

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

static void ready(void) { say("ready\n"); wait_for_go(); }

static void verified(pid_t child)
{
	int status;
	SYS(kill(child, SIGUSR1));
	CHECK(waitpid(child, &status, 0) == child && status == 0, "child: status %#x", status);
}

static char byte_at(long i, int seed) { return (char)(i * 31 + (i >> 8) * 7 + seed); }
static void fill(char *p, long n, int seed) { for (long i = 0; i < n; i++) p[i] = byte_at(i, seed); }
static int same(const char *p, long n, int seed) { for (long i = 0; i < n; i++) if (p[i] != byte_at(i, seed)) return 0; return 1; }

static int make(const char *name, long n, int seed)
{
	int fd = SYS(open(name, O_RDWR | O_CREAT | O_TRUNC, 0644));
	char *p = malloc(n + 1);
	fill(p, n, seed);
	CHECK(write(fd, p, n) == n, "write");
	free(p);
	return fd;
}

static char link_text[512];
static const char *link_of(int fd)
{
	char path[64];
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	ssize_t n = SYS(readlink(path, link_text, sizeof(link_text) - 1));
	link_text[n] = 0;
	return link_text;
}

// sharing: a description that two children of one parent share, though neither inherited it
static void send_fd(int socket, int fd)
{
	char c = 0, control[CMSG_SPACE(sizeof(int))] = {};
	struct iovec iov = { &c, 1 };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control) };
	struct cmsghdr *h = CMSG_FIRSTHDR(&m);
	h->cmsg_level = SOL_SOCKET;
	h->cmsg_type = SCM_RIGHTS;
	h->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(h), &fd, sizeof(int));
	SYS(sendmsg(socket, &m, 0));
}

static int receive_fd(int socket)
{
	char c, control[CMSG_SPACE(sizeof(int))];
	struct iovec iov = { &c, 1 };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control) };
	int fd;
	SYS(recvmsg(socket, &m, 0));
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&m)), sizeof(int));
	return fd;
}

static void sharing(void)
{
	int pair[2], up[2];
	pid_t a, b;
	char c;
	SYS(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	SYS(pipe(up));
	close(make("shared", 100, 1));
	if (!(a = SYS(fork()))) {
		int fd = SYS(open("shared", O_RDONLY));
		send_fd(pair[0], fd);
		SYS(write(up[1], "a", 1));
		wait_for_go();
		CHECK(lseek(fd, 0, SEEK_CUR) == 33, "position %ld", (long)lseek(fd, 0, SEEK_CUR));
		_exit(0);
	}
	if (!(b = SYS(fork()))) {
		int fd = SYS(dup2(receive_fd(pair[1]), 77));
		SYS(write(up[1], "b", 1));
		wait_for_go();
		SYS(lseek(fd, 33, SEEK_SET));
		_exit(0);
	}
	for (int i = 0; i < 2; i++)
		SYS(read(up[0], &c, 1));
	ready();
	verified(b);
	verified(a);
}

// epoll: targets whose numbers were closed or mean something else by now
static int tfds(int ep, char *out)
{
	char path[64], line[256];
	int n = 0;
	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", ep);
	FILE *f = fopen(path, "r");
	char all[16][64];
	while (fgets(line, sizeof(line), f)) {
		int tfd;
		unsigned events;
		unsigned long long data;
		if (sscanf(line, "tfd: %d events: %x data: %llx", &tfd, &events, &data) == 3)
			snprintf(all[n++], 64, "%d/%x/%llx ", tfd, events, data);
	}
	fclose(f);
	qsort(all, n, 64, (int (*)(const void *, const void *))strcmp);
	out[0] = 0;
	for (int i = 0; i < n; i++)
		strcat(out, all[i]);
	return n;
}

static void add(int ep, int fd, uint64_t data)
{
	struct epoll_event event = { .events = EPOLLIN, .data.u64 = data };
	SYS(epoll_ctl(ep, EPOLL_CTL_ADD, fd, &event));
}

static int fires(int ep, uint64_t data)
{
	struct epoll_event events[16];
	int n = SYS(epoll_wait(ep, events, 16, 0));
	for (int i = 0; i < n; i++)
		if (events[i].data.u64 == data)
			return 1;
	return 0;
}

static void epolls(void)
{
	int a[2], b[2], ep, up[2], kept;
	char before[1024], after[1024], c;
	pid_t child;
	SYS(pipe(a));
	SYS(pipe(b));
	SYS(pipe(up));
	ep = SYS(epoll_create1(0));
	add(ep, a[0], 1);
	kept = SYS(dup(a[0]));
	SYS(dup2(b[0], a[0])); // its number means the other pipe now, and is added again
	add(ep, a[0], 2);
	int closed = SYS(dup2(b[0], 60));
	add(ep, closed, 3);
	close(closed);
	if (!(child = SYS(fork()))) {
		int mine[2];
		SYS(pipe(mine)); // in no table but this one
		SYS(dup2(mine[0], 70));
		add(ep, 70, 4);
		SYS(write(up[1], "x", 1));
		wait_for_go();
		SYS(write(mine[1], "m", 1));
		SYS(write(up[1], "y", 1));
		go = 0;
		wait_for_go();
		_exit(0);
	}
	SYS(read(up[0], &c, 1));
	CHECK(tfds(ep, before) == 4, "setup: %s", before);
	ready();
	tfds(ep, after);
	CHECK(!strcmp(before, after), "targets were %s, are %s", before, after);
	CHECK(!fires(ep, 1) && !fires(ep, 2) && !fires(ep, 3) && !fires(ep, 4), "fires without reason");
	SYS(write(a[1], "a", 1));
	CHECK(fires(ep, 1) && !fires(ep, 2), "first pipe");
	SYS(write(b[1], "b", 1));
	CHECK(fires(ep, 2) && fires(ep, 3), "second pipe");
	CHECK(read(kept, &c, 1) == 1 && c == 'a', "the first pipe is not what it was");
	CHECK(fcntl(60, F_GETFD) < 0, "a lent number stayed open");
	SYS(kill(child, SIGUSR1));
	SYS(read(up[0], &c, 1));
	CHECK(fires(ep, 4), "the child's pipe");
	verified(child);
}

// unix: queues of every shape
static void expect(int fd, long n, int seed)
{
	static char buffer[200000];
	ssize_t got = recv(fd, buffer, sizeof(buffer), MSG_DONTWAIT);
	CHECK(got == n && same(buffer, n, seed), "message of %ld bytes: got %zd", n, got);
}

static void sockets(void)
{
	static char buffer[200000];
	static const int sizes[] = { 5, 5000, 60000, 1, 4096, 8192, 4097, 0, 3 };
	int dgram[2], seq[2], stream[2], left[2], one[2], n, off = 3, lonely;
	socklen_t length = sizeof(n);
	SYS(socketpair(AF_UNIX, SOCK_DGRAM, 0, dgram));
	SYS(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, seq));
	SYS(socketpair(AF_UNIX, SOCK_STREAM, 0, stream));
	SYS(socketpair(AF_UNIX, SOCK_DGRAM, 0, left));
	SYS(socketpair(AF_UNIX, SOCK_DGRAM, 0, one));
	lonely = SYS(socket(AF_UNIX, SOCK_STREAM, 0));
	for (int i = 0; i < 9; i++) {
		fill(buffer, sizes[i], i);
		SYS(send(dgram[0], buffer, sizes[i], 0));
	}
	for (int i = 0; i < 100; i++) {
		fill(buffer, i, i);
		SYS(send(dgram[1], buffer, i, 0));
	}
	fill(buffer, 10000, 50);
	SYS(send(seq[0], buffer, 10000, 0));
	SYS(send(seq[0], buffer, 100, 0));
	fill(buffer, 150000, 60);
	SYS(send(stream[0], buffer, 150000, 0));
	fill(buffer, 77, 70);
	SYS(send(left[1], buffer, 77, 0));
	close(left[1]);
	SYS(send(one[0], "abcdef", 6, 0));
	SYS(setsockopt(one[1], SOL_SOCKET, SO_PEEK_OFF, &off, sizeof(off)));
	ready();
	for (int i = 0; i < 9; i++)
		expect(dgram[1], sizes[i], i);
	for (int i = 0; i < 100; i++)
		expect(dgram[0], i, i);
	CHECK(recv(dgram[1], buffer, 1, MSG_DONTWAIT) < 0 && errno == EAGAIN, "one message too many");
	expect(seq[1], 10000, 50);
	expect(seq[1], 100, 50);
	expect(stream[1], 150000, 60);
	expect(left[0], 77, 70);
	CHECK(send(left[0], "x", 1, 0) < 0 && errno == ECONNREFUSED, "the closed end is open");
	SYS(getsockopt(one[1], SOL_SOCKET, SO_PEEK_OFF, &n, &length));
	CHECK(n == 3 || n == -1, "SO_PEEK_OFF %d", n);
	CHECK(send(lonely, "x", 1, MSG_NOSIGNAL) < 0 && errno == ENOTCONN, "unconnected socket: %s", strerror(errno));
	CHECK(recv(dgram[0], buffer, 1, MSG_DONTWAIT) < 0 && errno == EAGAIN, "one message too many");
}

// pipes
static void pipes(void)
{
	static char buffer[1 << 20];
	int large[2], writer[2], packets[2], again, n;
	SYS(pipe(large));
	SYS(fcntl(large[0], F_SETPIPE_SZ, 1 << 20));
	fill(buffer, 1 << 20, 1);
	CHECK(write(large[1], buffer, 1 << 20) == 1 << 20, "setup");
	SYS(pipe(writer));
	SYS(write(writer[1], "found later", 11));
	close(writer[0]);
	SYS(pipe2(packets, O_DIRECT | O_NONBLOCK));
	SYS(write(packets[1], buffer, 4096));
	SYS(write(packets[1], buffer, 1));
	SYS(write(packets[1], buffer, 5000)); // two packets
	again = SYS(open("/proc/self/fd/4", O_WRONLY | O_NONBLOCK));
	ready();
	memset(buffer, 0, sizeof(buffer));
	for (n = 0; n < 1 << 20;) {
		int r = read(large[0], buffer + n, (1 << 20) - n);
		CHECK(r > 0, "large: %d of 1 MiB", n);
		n += r;
	}
	CHECK(same(buffer, 1 << 20, 1), "large: data");
	CHECK(read(packets[0], buffer, 8192) == 4096 && read(packets[0], buffer, 8192) == 1, "packets");
	CHECK(read(packets[0], buffer, 8192) == 4096 && read(packets[0], buffer, 8192) == 904, "cut packet");
	CHECK((fcntl(again, F_GETFL) & (O_ACCMODE | O_NONBLOCK)) == (O_WRONLY | O_NONBLOCK), "flags %#x", fcntl(again, F_GETFL));
	char path[64];
	snprintf(path, sizeof(path), "/proc/self/fd/%d", writer[1]);
	int reader = SYS(open(path, O_RDONLY | O_NONBLOCK));
	CHECK(read(reader, buffer, 100) == 11 && !memcmp(buffer, "found later", 11), "data without a reader");
}

// names: files that are hard to find again
static void names(void)
{
	int one, two, tmp, inside, reused, wo, odd, odd2, sym;
	struct stat s, t;
	char buffer[64];
	one = make("both.a", 50, 1);
	SYS(link("both.a", "both.b"));
	two = SYS(open("both.b", O_RDONLY));
	SYS(unlink("both.a"));
	SYS(unlink("both.b"));
	tmp = SYS(open(".", O_TMPFILE | O_RDWR, 0640));
	SYS(write(tmp, "nameless", 8));
	SYS(mkdir("gone", 0755));
	SYS(mkdir("gone/deeper", 0755));
	inside = make("gone/deeper/file", 60, 2);
	SYS(unlink("gone/deeper/file"));
	SYS(rmdir("gone/deeper"));
	SYS(rmdir("gone"));
	reused = make("reused", 70, 3);
	SYS(unlink("reused"));
	close(make("reused", 10, 4));
	wo = SYS(open("writeonly", O_WRONLY | O_CREAT, 0200));
	SYS(write(wo, "secret", 6));
	SYS(unlink("writeonly"));
	odd = make("new\nline \377 (deleted)", 20, 5);
	odd2 = make("odd \376", 21, 6);
	SYS(unlink("odd \376"));
	SYS(symlink("/nowhere", "symlink"));
	sym = SYS(open("symlink", O_PATH | O_NOFOLLOW));
	SYS(unlink("symlink"));
	ready();
	CHECK(pread(one, buffer, 64, 0) == 50 && same(buffer, 50, 1), "both.a");
	SYS(fstat(one, &s));
	SYS(fstat(two, &t));
	CHECK(s.st_ino == t.st_ino && s.st_nlink == 0, "two names of one file became two files");
	CHECK(strstr(link_of(two), "/both.b (deleted)"), "link %s", link_text);
	CHECK(pread(tmp, buffer, 64, 0) == 8 && !memcmp(buffer, "nameless", 8), "O_TMPFILE");
	SYS(fstat(tmp, &s));
	CHECK((s.st_mode & 0777) == 0640, "mode %o", s.st_mode);
	CHECK(pread(inside, buffer, 64, 0) == 60 && same(buffer, 60, 2), "file in a deleted directory");
	CHECK(access("gone", F_OK) < 0, "the directory came back");
	CHECK(pread(reused, buffer, 64, 0) == 64 && same(buffer, 64, 3), "reused name");
	SYS(stat("reused", &s));
	CHECK(s.st_size == 10, "the file that took the name was touched");
	CHECK((fcntl(wo, F_GETFL) & O_ACCMODE) == O_WRONLY, "flags");
	SYS(fstat(wo, &s));
	CHECK(s.st_size == 6 && (s.st_mode & 0777) == 0200, "write-only file");
	CHECK(pread(odd, buffer, 64, 0) == 20 && same(buffer, 20, 5), "odd name");
	SYS(fstat(odd, &s));
	CHECK(s.st_nlink == 1, "odd name: %d links", (int)s.st_nlink);
	CHECK(pread(odd2, buffer, 64, 0) == 21 && same(buffer, 21, 6), "odd deleted name");
	CHECK(strstr(link_of(odd2), "/odd \376 (deleted)"), "link %s", link_text);
	ssize_t n = readlinkat(sym, "", buffer, sizeof(buffer));
	CHECK(n == 8 && !memcmp(buffer, "/nowhere", 8), "symbolic link: %zd", n);
}

// owners of signals, as another user
static void owners(void)
{
	int p[2], q[2];
	struct f_owner_ex owner = { F_OWNER_PGRP, getpgrp() }, o;
	uid_t ids[2];
	SYS(pipe(p));
	SYS(pipe(q));
	SYS(fcntl(p[0], F_SETSIG, SIGRTMIN + 1));
	SYS(fcntl(p[0], F_SETOWN, getpid()));
	signal(SIGRTMIN + 1, SIG_IGN);
	SYS(fcntl(p[0], F_SETFL, O_ASYNC));
	SYS(seteuid(1234));
	SYS(fcntl(q[1], F_SETOWN_EX, &owner));
	SYS(seteuid(0));
	ready();
	CHECK(fcntl(p[0], F_GETSIG) == SIGRTMIN + 1 && fcntl(p[0], F_GETOWN) == getpid(), "owner or signal");
	CHECK(fcntl(p[0], F_GETFL) & O_ASYNC, "O_ASYNC lost");
	SYS(fcntl(q[1], F_GETOWN_EX, &o));
	CHECK(o.type == owner.type && o.pid == owner.pid, "owner %d %d", o.type, o.pid);
	SYS(syscall(SYS_fcntl, q[1], F_GETOWNER_UIDS, ids));
	CHECK(ids[0] == 0 && ids[1] == 1234, "users %u %u", ids[0], ids[1]);
}

// high: numbers up to the limit
static void high(void)
{
	int fd = make("high", 30, 1);
	long max = sysconf(_SC_OPEN_MAX);
	SYS(dup2(fd, max - 1));
	SYS(dup2(fd, max - 3));
	for (int i = 200; i < 260; i++)
		SYS(dup2(fd, i));
	ready();
	SYS(lseek(fd, 7, SEEK_SET));
	CHECK(lseek(max - 1, 0, SEEK_CUR) == 7 && lseek(max - 3, 0, SEEK_CUR) == 7 && lseek(259, 0, SEEK_CUR) == 7, "high number");
	CHECK(fcntl(max - 2, F_GETFD) < 0 && fcntl(260, F_GETFD) < 0, "a number that was closed");
}

// events: counters and timers
static void events(void)
{
	uint64_t v = UINT64_MAX - 1;
	struct itimerspec its = { { 0, 1000000 }, { 0, 1000000 } }, got;
	int full = SYS(eventfd(0, EFD_NONBLOCK)), t = SYS(timerfd_create(CLOCK_BOOTTIME, TFD_NONBLOCK));
	SYS(write(full, &v, 8));
	SYS(timerfd_settime(t, 0, &its, NULL));
	usleep(100000);
	ready();
	CHECK(read(full, &v, 8) == 8 && v == UINT64_MAX - 1, "counter %llx", (unsigned long long)v);
	CHECK(read(t, &v, 8) == 8 && v >= 100, "%llu expirations", (unsigned long long)v);
	usleep(20000);
	CHECK(read(t, &v, 8) == 8 && v >= 10, "it stands: %llu", (unsigned long long)v);
	SYS(timerfd_gettime(t, &got));
	CHECK(got.it_interval.tv_nsec == 1000000, "interval");
}

int main(int argc, char **argv)
{
	static const struct { const char *name; void (*run)(void); } kinds[] = {
		{ "sharing", sharing }, { "epolls", epolls }, { "sockets", sockets }, { "pipes", pipes },
		{ "names", names }, { "owners", owners }, { "high", high }, { "events", events },
	};
	struct sigaction action = { .sa_handler = on_go };
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	sigaction(SIGUSR1, &action, NULL);
	for (unsigned i = 0; argc > 1 && i < sizeof(kinds) / sizeof(*kinds); i++)
		if (!strcmp(argv[1], kinds[i].name)) {
			kinds[i].run();
			say("ok\n");
			_exit(0);
		}
	return 2;
}
