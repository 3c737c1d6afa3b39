/*
 * State: a POSIX message queue with messages of several priorities, one of no
 * bytes; descriptors of it: one that only writes, a copy of it, a non-blocking
 * one that only reads; an empty queue of another owner.
 * Verify: flags, attributes and owners; the messages come out in order; the
 * copy shares its flags.
 */
#include "wl.h"
#include <mqueue.h>

static int mq(const char *name, int flags, int mode, long maxmsg, long msgsize)
{
	struct mq_attr a = { .mq_maxmsg = maxmsg, .mq_msgsize = msgsize };

	return SYS(syscall(SYS_mq_open, name, flags, mode, &a));
}

static void attr(int fd, struct mq_attr *a)
{
	memset(a, 0, sizeof(*a));
	SYS(syscall(SYS_mq_getsetattr, fd, NULL, a));
}

static void take(int fd, const char *text, unsigned prio)
{
	char buf[64];
	unsigned p = ~0u;
	long n = syscall(SYS_mq_timedreceive, fd, buf, sizeof(buf), &p, NULL);

	CHECK(n == (long)strlen(text) && p == prio && !memcmp(buf, text, n), "message \"%s\": %ld bytes, priority %u", text, n, p);
}

int main(void)
{
	char one[32], two[32];
	struct mq_attr a;
	struct stat st;
	int w, copy, r, empty;

	wl_init();
	snprintf(one, sizeof(one), "wl-mqueue-%d", getpid());
	snprintf(two, sizeof(two), "wl-mqueue-empty-%d", getpid());
	w = mq(one, O_CREAT | O_EXCL | O_WRONLY, 0640, 7, 64);
	copy = SYS(dup(w));
	r = mq(one, O_RDONLY | O_NONBLOCK, 0, 0, 0);
	empty = mq(two, O_CREAT | O_EXCL | O_RDWR, 0600, 3, 32);
	SYS(fchown(empty, 12, 34));
	SYS(fchmod(empty, 0666));
	SYS(syscall(SYS_mq_timedsend, w, "low", 3, 1, NULL));
	SYS(syscall(SYS_mq_timedsend, w, "high", 4, 9, NULL));
	SYS(syscall(SYS_mq_timedsend, w, "", 0, 9, NULL));
	SYS(syscall(SYS_mq_timedsend, w, "lower", 5, 0, NULL));
	wl_ready();
	wl_wait();
	attr(w, &a);
	CHECK(a.mq_flags == 0 && a.mq_maxmsg == 7 && a.mq_msgsize == 64 && a.mq_curmsgs == 4, "the queue: flags %lx, %ld of %ld", a.mq_flags,
	      a.mq_curmsgs, a.mq_maxmsg);
	attr(r, &a);
	CHECK(a.mq_flags == O_NONBLOCK, "flags of the reader: %lx", a.mq_flags);
	CHECK((fcntl(r, F_GETFL) & O_ACCMODE) == O_RDONLY && (fcntl(w, F_GETFL) & O_ACCMODE) == O_WRONLY, "who may read and write");
	a.mq_flags = O_NONBLOCK;
	SYS(syscall(SYS_mq_getsetattr, copy, &a, NULL));
	attr(w, &a);
	CHECK(a.mq_flags == O_NONBLOCK, "the copy is another description");
	take(r, "high", 9);
	take(r, "", 9);
	take(r, "low", 1);
	take(r, "lower", 0);
	CHECK(syscall(SYS_mq_timedreceive, r, one, sizeof(one), NULL, NULL) < 0, "a message too many");
	attr(empty, &a);
	CHECK(a.mq_maxmsg == 3 && a.mq_msgsize == 32 && a.mq_curmsgs == 0, "the empty queue");
	SYS(fstat(empty, &st));
	CHECK(st.st_uid == 12 && st.st_gid == 34 && (st.st_mode & 07777) == 0666, "owner and permissions of the empty queue");
	SYS(syscall(SYS_mq_timedsend, empty, "x", 1, 0, NULL));
	snprintf(one, sizeof(one), "wl-mqueue-%d", getpid());
	SYS(syscall(SYS_mq_unlink, one));
	SYS(syscall(SYS_mq_unlink, two));
	wl_ok();
}
