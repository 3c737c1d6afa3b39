/*
 * State: pidfds of a parent, a child, a thread, a main thread as a thread, a zombie; of processes and a thread that were
 * waited for, which had ended in different ways, several of one of them; one that an epoll watches; of a child and of one
 * that is gone in the queue of a socket, from where no descriptor refers to them; one in a process that inherited it.
 * Verify: each is of its process, those of one process have one inode, how they ended is told, flags, readiness.
 */
#include "wl.h"
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>

#define THREAD O_EXCL

/* linux/pidfd.h, of Linux 6.13 and 6.15 */
struct info {
	uint64_t mask, cgroup;
	uint32_t ids[11];
	int32_t exit_code;
};

static int open_of(pid_t pid, int flags)
{
	return SYS(syscall(SYS_pidfd_open, pid, flags));
}

static int pid_of(int fd)
{
	char path[64], v[32] = "-99";

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	wl_proc_field(path, "Pid:", v, sizeof(v));
	return atoi(v);
}

static ino_t ino_of(int fd)
{
	struct stat st;

	SYS(fstat(fd, &st));
	return st.st_ino;
}

static int readable(int fd)
{
	struct pollfd pf = { .fd = fd, .events = POLLIN };

	return SYS(poll(&pf, 1, 0)) == 1;
}

/* The exit status that a pidfd tells, -1 where the kernel does not. */
static int status_of(int fd)
{
	struct info info = { .mask = 8 };

	return ioctl(fd, _IOWR(0xff, 11, struct info), &info) == 0 && info.mask & 8 ? info.exit_code : -1;
}

/* A pidfd of a process that ended so. */
static int gone(int code, int sig, int flags, int *second, int second_flags)
{
	pid_t kid = SYS(fork());
	int fd;

	if (!kid) {
		if (!sig)
			_exit(code);
		raise(sig);
		pause();
	}
	fd = open_of(kid, flags);
	if (second)
		*second = open_of(kid, second_flags);
	SYS(waitpid(kid, NULL, 0));
	return fd;
}

static int tid, gone_tid;

static void *sleeper(void *p)
{
	__atomic_store_n((int *)p, gettid(), __ATOMIC_SEQ_CST);
	pause();
	return NULL;
}

static void *ender(void *p)
{
	int fd = open_of(gettid(), THREAD);

	gone_tid = gettid();
	*(int *)p = fd;
	syscall(SYS_exit, 5);
	return NULL;
}

static void send_fds(int sock, int a, int b)
{
	int fds[2] = { a, b };
	char control[CMSG_SPACE(sizeof(fds))] = "", byte = 'p';
	struct iovec iov = { &byte, 1 };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control) };
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(fds));
	memcpy(CMSG_DATA(c), fds, sizeof(fds));
	SYS(sendmsg(sock, &msg, 0));
	close(a);
	close(b);
}

static void receive_fds(int sock, int *fds)
{
	char control[CMSG_SPACE(2 * sizeof(int))], byte;
	struct iovec iov = { &byte, 1 };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control) };

	SYS(recvmsg(sock, &msg, MSG_DONTWAIT));
	CHECK(CMSG_FIRSTHDR(&msg) != NULL, "no descriptors came out of the socket");
	memcpy(fds, CMSG_DATA(CMSG_FIRSTHDR(&msg)), 2 * sizeof(int));
}

int main(void)
{
	int seven, again, killed, other, thread, gone_thread = -1, self, own, dead, parent, watched, ep, sv[2], got[2], told, told_thread;
	struct epoll_event ev = { .events = EPOLLIN, .data.u64 = 0x1234 };
	struct wl_gate g;
	pthread_t t;
	pid_t kid, zombie;
	siginfo_t si;

	wl_init();
	parent = open_of(getpid(), 0);
	wl_gate_open(&g);
	kid = SYS(fork());
	if (!kid) {
		wl_gate_done(&g);
		wl_wait();
		CHECK(pid_of(parent) == getppid(), "the parent's pidfd is of %d", pid_of(parent));
		_exit(42);
	}
	wl_gate_wait(&g, 1);
	seven = gone(7, 0, 0, &again, O_NONBLOCK);
	killed = gone(0, SIGTERM, 0, NULL, 0);
	other = gone(7, 0, THREAD, NULL, 0);
	zombie = SYS(fork());
	if (!zombie)
		_exit(3);
	SYS(waitid(P_PID, zombie, &si, WEXITED | WNOWAIT));
	dead = open_of(zombie, 0);
	CHECK(pthread_create(&t, NULL, sleeper, &tid) == 0, "setup: thread");
	while (!__atomic_load_n(&tid, __ATOMIC_SEQ_CST))
		wl_sleep_ms(1);
	thread = open_of(tid, THREAD | O_NONBLOCK);
	CHECK(pthread_create(&t, NULL, ender, &gone_thread) == 0 && pthread_join(t, NULL) == 0, "setup: thread");
	while (pid_of(gone_thread) != -1)
		wl_sleep_ms(1);
	self = open_of(getpid(), THREAD);
	own = open_of(kid, 0);
	SYS(fcntl(own, F_SETFL, O_APPEND));
	watched = open_of(kid, 0);
	ep = SYS(epoll_create1(0));
	SYS(epoll_ctl(ep, EPOLL_CTL_ADD, watched, &ev));
	SYS(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, sv));
	send_fds(sv[0], open_of(kid, O_NONBLOCK), gone(9, 0, 0, NULL, 0));
	told = status_of(seven);
	told_thread = status_of(gone_thread);
	wl_ready();
	wl_wait();

	CHECK(pid_of(parent) == getpid() && pid_of(self) == getpid(), "own pidfds: %d, %d", pid_of(parent), pid_of(self));
	CHECK(ino_of(parent) == ino_of(self), "own pidfds differ");
	CHECK(pid_of(seven) == -1 && pid_of(again) == -1 && pid_of(killed) == -1 && pid_of(other) == -1, "dead ones live");
	CHECK(ino_of(seven) == ino_of(again), "two of one dead process differ");
	CHECK(ino_of(seven) != ino_of(other) && ino_of(seven) != ino_of(killed), "two dead processes are one");
	CHECK(readable(seven) && readable(again) && readable(killed) && readable(other), "dead ones are not readable");
	if (told >= 0) {
		CHECK(status_of(seven) == told && status_of(again) == told, "exit status %#x, not %#x", status_of(seven), told);
		CHECK(status_of(killed) == SIGTERM, "exit status of the killed one: %#x", status_of(killed));
		CHECK(status_of(other) == 0x700, "exit status of the other one: %#x", status_of(other));
		CHECK(status_of(gone_thread) == told_thread, "exit status of the thread: %#x, not %#x", status_of(gone_thread), told_thread);
		CHECK(status_of(own) == -1 && status_of(dead) == -1, "exit status of one that nobody waited for");
	}
	CHECK(fcntl(again, F_GETFL) == (O_RDWR | O_NONBLOCK), "flags of a dead one: %#o", fcntl(again, F_GETFL));
	CHECK(fcntl(other, F_GETFL) == (O_RDWR | THREAD), "flags of a dead one: %#o", fcntl(other, F_GETFL));
	CHECK(fcntl(own, F_GETFL) == (O_RDWR | O_APPEND), "flags: %#o", fcntl(own, F_GETFL));
	CHECK(pid_of(thread) == tid && fcntl(thread, F_GETFL) == (O_RDWR | THREAD | O_NONBLOCK), "thread: %d", pid_of(thread));
	CHECK(pid_of(gone_thread) == -1 && readable(gone_thread), "the thread that has ended: %d", pid_of(gone_thread));
	CHECK(!readable(thread) && !readable(own), "the living are readable");
	CHECK(pid_of(dead) == zombie && readable(dead), "the zombie's: %d", pid_of(dead));
	SYS(waitid(P_PIDFD, dead, &si, WEXITED));
	CHECK(si.si_pid == zombie && si.si_status == 3, "zombie: pid %d status %d", si.si_pid, si.si_status);
	receive_fds(sv[1], got);
	CHECK(pid_of(got[0]) == kid && fcntl(got[0], F_GETFL) == (O_RDWR | O_NONBLOCK), "in flight: %d", pid_of(got[0]));
	CHECK(ino_of(got[0]) == ino_of(own), "in flight: another process");
	CHECK(pid_of(got[1]) == -1 && (told < 0 || status_of(got[1]) == 0x900), "in flight, dead: %#x", status_of(got[1]));
	CHECK(epoll_wait(ep, &ev, 1, 0) == 0, "the epoll has news");
	SYS(syscall(SYS_pidfd_send_signal, got[0], SIGUSR1, NULL, 0));
	CHECK(epoll_wait(ep, &ev, 1, 5000) == 1 && ev.data.u64 == 0x1234, "the epoll has no news");
	SYS(waitid(P_PIDFD, own, &si, WEXITED));
	CHECK(si.si_pid == kid && si.si_status == 42, "child: pid %d status %d", si.si_pid, si.si_status);
	if (told >= 0)
		CHECK(status_of(own) == 42 << 8, "exit status of the child: %#x", status_of(own));
	wl_ok();
}
