/*
 * State: who gets the signals of a descriptor (F_SETOWN, F_SETOWN_EX, F_SETSIG), set
 * by another user.
 * Verify: owner, kind of owner, signal, ids, O_ASYNC.
 */
#include "wl.h"

#ifndef F_GETOWNER_UIDS
#define F_GETOWNER_UIDS 17
#endif

int main(void)
{
	int p[2], q[2];
	struct f_owner_ex owner = { F_OWNER_PGRP, getpgrp() }, o;
	uid_t ids[2];

	wl_init();
	SYS(pipe(p));
	SYS(pipe(q));
	SYS(fcntl(p[0], F_SETSIG, SIGRTMIN + 1));
	SYS(fcntl(p[0], F_SETOWN, getpid()));
	signal(SIGRTMIN + 1, SIG_IGN);
	SYS(fcntl(p[0], F_SETFL, O_ASYNC));
	SYS(seteuid(1234));
	SYS(fcntl(q[1], F_SETOWN_EX, &owner));
	SYS(seteuid(0));
	wl_ready();
	wl_wait();
	CHECK(fcntl(p[0], F_GETSIG) == SIGRTMIN + 1 && fcntl(p[0], F_GETOWN) == getpid(), "owner or signal");
	CHECK(fcntl(p[0], F_GETFL) & O_ASYNC, "O_ASYNC lost");
	SYS(fcntl(q[1], F_GETOWN_EX, &o));
	CHECK(o.type == owner.type && o.pid == owner.pid, "owner %d %d", o.type, o.pid);
	SYS(syscall(SYS_fcntl, q[1], F_GETOWNER_UIDS, ids));
	CHECK(ids[0] == 0 && ids[1] == 1234, "users %u %u", ids[0], ids[1]);
	wl_ok();
}
