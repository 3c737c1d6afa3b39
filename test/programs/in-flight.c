/*
 * State: descriptors of all kinds in flight in the queues of stream, datagram and
 * seqpacket sockets, among them sockets with queues of their own. With "empty"
 * as argument some messages have no bytes.
 * Verify: every message is received with what was sent.
 */
#include "wl.h"
#include "in-flight.h"
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>

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
	int empty = argc > 1 && !strcmp(argv[1], "empty");

	wl_init();
	for (int i = 0; i < 3; i++)
		fill(&queues[i], empty && queues[i].type != SOCK_STREAM);
	wl_ready();
	wl_wait();
	for (int i = 0; i < 3; i++)
		empty_out(&queues[i], empty && queues[i].type != SOCK_STREAM);
	wl_ok();
}
