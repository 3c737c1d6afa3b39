// options: --file-locks
/*
 * State: a read lease whose signal is SIGRTMIN and has an owner of its own; a write lease on a descriptor for reading; leases
 * that are being broken: a write lease that is to become a read lease, a write lease and a read lease that are to go.
 * Verify: the leases are of their type, those that were being broken still are, nobody was told of it again, and breaking the others tells
 * their owners.
 */
#include "wl.h"

static volatile sig_atomic_t told, told_fd;

static void on_break(int sig, siginfo_t *info, void *context)
{
	(void)sig;
	(void)context;
	told++;
	told_fd = info->si_fd;
}

static int leased(const char *name, int flags, int type, int sig)
{
	int fd;

	close(wl_mkfile(name, 10, 1));
	fd = SYS(open(name, flags));
	SYS(fcntl(fd, F_SETSIG, sig));
	SYS(fcntl(fd, F_SETLEASE, type));
	return fd;
}

static int opens(const char *name, int flags)
{
	int fd = open(name, flags | O_NONBLOCK);

	if (fd < 0) {
		CHECK(errno == EWOULDBLOCK, "open %s: %s", name, strerror(errno));
		return 0;
	}
	close(fd);
	return 1;
}

static int to_be(int fd)
{
	return SYS(fcntl(fd, F_GETLEASE));
}

int main(void)
{
	int reads, writes, downgraded, ended, read_ended;
	struct sigaction sa = { .sa_sigaction = on_break, .sa_flags = SA_SIGINFO };

	wl_init();
	sigaction(SIGRTMIN, &sa, NULL);
	sigaction(SIGRTMIN + 1, &sa, NULL);
	reads = leased("lease.read", O_RDONLY, F_RDLCK, SIGRTMIN);
	SYS(fcntl(reads, F_SETOWN, getpid()));
	writes = leased("lease.write", O_RDONLY, F_WRLCK, SIGRTMIN);
	downgraded = leased("lease.down", O_RDONLY, F_WRLCK, SIGRTMIN + 1);
	CHECK(!opens("lease.down", O_RDONLY), "setup: nobody is asked");
	ended = leased("lease.ended", O_RDWR, F_WRLCK, SIGRTMIN + 1);
	CHECK(!opens("lease.ended", O_WRONLY), "setup: nobody is asked");
	read_ended = leased("lease.over", O_RDONLY, F_RDLCK, SIGRTMIN + 1);
	CHECK(!opens("lease.over", O_WRONLY), "setup: nobody is asked");
	CHECK(told == 3, "setup: told %d times", told);
	told = 0;
	wl_ready();
	wl_wait();
	CHECK(told == 0, "the breaks were told again");
	CHECK(to_be(reads) == F_RDLCK, "read lease: %d", to_be(reads));
	CHECK(to_be(writes) == F_WRLCK, "write lease: %d", to_be(writes));
	CHECK(to_be(downgraded) == F_RDLCK, "to become a read lease: %d", to_be(downgraded));
	CHECK(to_be(ended) == F_UNLCK, "to go: %d", to_be(ended));
	CHECK(to_be(read_ended) == F_UNLCK, "read lease to go: %d", to_be(read_ended));
	CHECK(fcntl(reads, F_GETSIG) == SIGRTMIN && fcntl(ended, F_GETSIG) == SIGRTMIN + 1, "signals");
	CHECK(fcntl(reads, F_GETOWN) == getpid() && fcntl(ended, F_GETOWN) == getpid(), "owners");
	CHECK(!opens("lease.down", O_RDONLY), "the lease is not there");
	SYS(fcntl(downgraded, F_SETLEASE, F_RDLCK));
	CHECK(opens("lease.down", O_RDONLY) && told == 0, "to become a read lease");
	CHECK(!opens("lease.ended", O_RDONLY), "the write lease to go is not there");
	SYS(fcntl(ended, F_SETLEASE, F_UNLCK));
	CHECK(opens("lease.ended", O_WRONLY), "the write lease is there still");
	CHECK(!opens("lease.over", O_WRONLY) && opens("lease.over", O_RDONLY), "the read lease to go is not there");
	CHECK(opens("lease.read", O_RDONLY) && told == 0, "a reader breaks the read lease");
	CHECK(!opens("lease.read", O_WRONLY) && told == 1 && told_fd == reads, "told %d times, of %d", told, told_fd);
	CHECK(!opens("lease.write", O_RDONLY) && told == 2 && told_fd == writes, "told %d times, of %d", told, told_fd);
	wl_ok();
}
