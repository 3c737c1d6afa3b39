/*
 * State: blocked signals that are pending: from the kernel (a child's end), an ignored one, twelve queued ones of one number
 * with values, and a stop signal; the limit allows fewer than there are.
 * Verify: each comes with its code and value, none too many; the child is a zombie.
 */
#include "wl.h"
#include <sys/resource.h>

static void expect(int sig, int code, unsigned long value)
{
	struct timespec none = { 0, 0 };
	siginfo_t info = { 0 };
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, sig);
	CHECK(sigtimedwait(&set, &info, &none) == sig, "signal %d: %s", sig, strerror(errno));
	CHECK(info.si_code == code, "signal %d: code %d instead of %d", sig, info.si_code, code);
	CHECK(!value || (unsigned long)info.si_value.sival_ptr == value, "signal %d: value %p", sig, info.si_value.sival_ptr);
}

int main(void)
{
	struct rlimit limit = { 5, 20 };
	siginfo_t info;
	sigset_t set;
	int st;

	wl_init();
	sigfillset(&set);
	sigprocmask(SIG_SETMASK, &set, 0);
	signal(SIGHUP, SIG_IGN);
	if (SYS(fork()) == 0)
		_exit(5);
	SYS(waitid(P_ALL, 0, &info, WEXITED | WNOWAIT));
	SYS(kill(getpid(), SIGHUP));
	for (int i = 0; i < 12; i++)
		SYS(sigqueue(getpid(), SIGRTMIN + 4, (union sigval){ .sival_ptr = (void *)(0x1122334455667700UL + i) }));
	SYS(kill(getpid(), SIGTSTP));
	SYS(setrlimit(RLIMIT_SIGPENDING, &limit));
	wl_ready();
	wl_wait();
	expect(SIGCHLD, CLD_EXITED, 0);
	expect(SIGHUP, SI_USER, 0);
	for (int i = 0; i < 12; i++)
		expect(SIGRTMIN + 4, SI_QUEUE, 0x1122334455667700UL + i);
	expect(SIGTSTP, SI_USER, 0);
	SYS(sigpending(&set));
	CHECK(!sigismember(&set, SIGRTMIN + 4) && !sigismember(&set, SIGTSTP) && !sigismember(&set, SIGHUP), "a signal too many");
	CHECK(waitpid(-1, &st, WNOHANG) > 0 && WEXITSTATUS(st) == 5, "the zombie: %#x", st);
	wl_ok();
}
