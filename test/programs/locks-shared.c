// options: --file-locks
/*
 * State: an exclusive flock of a description that parent and child share; a POSIX lock that a child has taken through an
 * inherited descriptor, and one of a process that shares its descriptor table with the parent; a lock of a description
 * that two processes share; a shared flock on a directory and one on a pipe; a lock on a deleted file; and children that
 * wait: for the flock, and for the POSIX lock.
 * Verify: each is held by whom it was, sharers keep it when the other lets go, and who waits gets it then, not earlier.
 */
#include "wl.h"
#include <sys/file.h>

static struct flock fl(int type, long start, long len)
{
	return (struct flock){ .l_type = type, .l_whence = SEEK_SET, .l_start = start, .l_len = len };
}

/* who is in the way of a write lock of another process */
static struct flock blocker(const char *name, int cmd, long start, long len)
{
	struct flock *res = SYS((struct flock *)mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
	struct flock l;
	pid_t p = SYS(fork());

	if (!p) {
		int fd = SYS(open(name, O_RDWR));

		*res = fl(F_WRLCK, start, len);
		SYS(fcntl(fd, cmd, res));
		_exit(0);
	}
	waitpid(p, NULL, 0);
	l = *res;
	munmap(res, 4096);
	return l;
}

static int flocked(const char *name, int how)
{
	int fd = SYS(open(name, O_RDONLY));
	int held = flock(fd, how | LOCK_NB) < 0;

	close(fd);
	return held;
}

static pid_t waiter(volatile int *got, int inherited, void (*wait_for_it)(void))
{
	pid_t pid = SYS(fork());

	if (pid)
		return pid;
	close(inherited); /* of what it waits for itself */
	wait_for_it();
	*got = 1;
	_exit(0);
}

static void want_flock(void)
{
	int fd = SYS(open("locks.shared", O_RDWR));

	SYS(flock(fd, LOCK_EX));
}

static void want_range(void)
{
	int fd = SYS(open("locks.range", O_RDWR));
	struct flock l = fl(F_WRLCK, 250, 10);

	SYS(fcntl(fd, F_SETLKW, &l));
}

int main(void)
{
	int shared, range, ofd, dir, gone, ends[2], st;
	volatile int *got = SYS((int *)mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
	struct flock l;
	struct wl_gate g;
	pid_t kid, sharer, waits[2];

	wl_init();
	shared = wl_mkfile("locks.shared", 10, 1);
	range = wl_mkfile("locks.range", 1000, 1);
	ofd = wl_mkfile("locks.description", 1000, 1);
	gone = wl_mkfile("locks.gone", 1000, 1);
	SYS(unlink("locks.gone"));
	SYS(flock(shared, LOCK_EX));
	l = fl(F_RDLCK, 5, 6);
	SYS(fcntl(ofd, F_OFD_SETLK, &l));
	l = fl(F_WRLCK, 0, 100);
	SYS(fcntl(range, F_SETLK, &l));
	l = fl(F_WRLCK, 7, 7);
	SYS(fcntl(gone, F_SETLK, &l));
	dir = SYS(open(".", O_RDONLY | O_DIRECTORY));
	SYS(flock(dir, LOCK_SH));
	SYS(pipe(ends));
	SYS(flock(ends[0], LOCK_SH));
	wl_gate_open(&g);
	kid = SYS(fork());
	if (!kid) {
		l = fl(F_WRLCK, 200, 100);
		SYS(fcntl(range, F_SETLK, &l));
		wl_gate_done(&g);
		wl_wait();
		/* the parent has let go of the descriptor, but not of the lock */
		CHECK(flocked("locks.shared", LOCK_SH), "the flock went with the parent's descriptor");
		_exit(0);
	}
	wl_gate_wait(&g, 1);
	wl_gate_open(&g);
	sharer = SYS(syscall(SYS_clone, CLONE_FILES | SIGCHLD, 0, 0, 0, 0));
	if (!sharer) {
		l = fl(F_WRLCK, 400, 1);
		SYS(fcntl(range, F_SETLK, &l));
		SYS(write(g.fd[1], "x", 1));
		for (;;)
			pause();
	}
	CHECK(read(g.fd[0], &st, 1) == 1, "setup: the sharer died");
	close(g.fd[0]);
	close(g.fd[1]);
	waits[0] = waiter(got, shared, want_flock);
	waits[1] = waiter(got + 1, shared, want_range);
	wl_sleep_ms(200);
	wl_ready();
	wl_wait();
	CHECK(!got[0] && !got[1], "who waits has got it already");
	l = blocker("locks.range", F_GETLK, 50, 1);
	CHECK(l.l_type == F_WRLCK && l.l_pid == getpid() && l.l_start == 0 && l.l_len == 100, "parent: type %d pid %d", l.l_type, l.l_pid);
	l = blocker("locks.range", F_GETLK, 150, 100);
	CHECK(l.l_type == F_WRLCK && l.l_pid == kid && l.l_start == 200 && l.l_len == 100, "child: type %d pid %d", l.l_type, l.l_pid);
	l = blocker("locks.range", F_GETLK, 400, 1);
	CHECK(l.l_type == F_WRLCK && l.l_pid == sharer, "sharer: type %d pid %d", l.l_type, l.l_pid);
	l = blocker("locks.description", F_OFD_GETLK, 0, 0);
	CHECK(l.l_type == F_RDLCK && l.l_pid == -1 && l.l_start == 5 && l.l_len == 6, "description: type %d pid %d", l.l_type, l.l_pid);
	{
		char name[64];
		snprintf(name, sizeof(name), "/proc/%d/fd/%d", getpid(), gone);
		l = blocker(name, F_GETLK, 0, 0);
		CHECK(l.l_type == F_WRLCK && l.l_pid == getpid() && l.l_start == 7 && l.l_len == 7, "deleted file: type %d", l.l_type);
		snprintf(name, sizeof(name), "/proc/self/fd/%d", ends[0]);
		CHECK(flocked(name, LOCK_EX) && !flocked(name, LOCK_SH), "the pipe's flock");
	}
	CHECK(flocked(".", LOCK_EX) && !flocked(".", LOCK_SH), "the directory's flock");
	/* one owner: the table. Both locks are its own to give up */
	SYS(kill(sharer, SIGKILL));
	SYS(waitpid(sharer, &st, 0));
	l = blocker("locks.range", F_GETLK, 400, 1);
	CHECK(l.l_type == F_WRLCK, "the lock went with one of two processes that share descriptors");
	close(shared);
	wl_sleep_ms(50);
	CHECK(!got[0], "the flock was given up with one of its descriptors");
	CHECK(!got[1], "the range is free");
	wl_child_verify(kid);
	for (int i = 0; i < 2; i++) {
		CHECK(waitpid(waits[i], &st, 0) == waits[i] && st == 0, "waiter %d: status %x", i, st);
		CHECK(got[i], "waiter %d", i);
	}
	wl_ok();
}
