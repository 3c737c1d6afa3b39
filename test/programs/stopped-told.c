/*
 * State: a child stopped by SIGTSTP whose parent has waited for the stop, as a shell has; one that runs on beside it; a second parent,
 * with SIGCHLD blocked and pending, whose stopped child it has not waited for.
 * Verify: no further SIGCHLD, nothing to wait for; it can be continued, and its next stop is told. The second parent has
 * its SIGCHLD and its stop.
 */
#include "wl.h"

static volatile int heard;

static void on_chld(int s) { (void)s; heard++; }

static pid_t stopped(void)
{
	siginfo_t info;
	pid_t job = SYS(fork());

	if (!job)
		for (;;)
			pause();
	SYS(setpgid(job, job));
	SYS(kill(job, SIGTSTP));
	SYS(waitid(P_PID, job, &info, WSTOPPED | WNOWAIT));
	return job;
}

static void second(struct wl_gate *g)
{
	sigset_t set, now;
	siginfo_t info = { 0 };
	pid_t job;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	SYS(sigprocmask(SIG_BLOCK, &set, 0));
	job = stopped();
	wl_gate_done(g);
	wl_wait();
	SYS(sigpending(&now));
	CHECK(sigismember(&now, SIGCHLD), "second: SIGCHLD is not pending");
	SYS(waitid(P_PID, job, &info, WSTOPPED | WNOHANG));
	CHECK(info.si_pid == job && info.si_status == SIGTSTP, "second: the stop is not told");
	SYS(kill(job, SIGKILL));
	SYS(waitpid(job, 0, 0));
	_exit(0);
}

int main(void)
{
	struct sigaction sa = { .sa_handler = on_chld };
	struct wl_gate g;
	sigset_t now;
	pid_t job, other, runs;
	int status, before;

	wl_init();
	SYS(sigaction(SIGCHLD, &sa, 0));
	wl_gate_open(&g);
	if (!(other = SYS(fork())))
		second(&g);
	wl_gate_wait(&g, 1);
	if (!(runs = SYS(fork())))
		for (;;)
			pause();
	job = stopped();
	CHECK(waitpid(job, &status, WUNTRACED) == job && WIFSTOPPED(status), "setup: status %#x", status);
	before = heard;
	CHECK(before == 1, "setup: %d SIGCHLD", before);
	wl_ready();
	wl_wait();
	SYS(sigpending(&now));
	CHECK(heard == before && !sigismember(&now, SIGCHLD), "%d further SIGCHLD", heard - before);
	CHECK(waitpid(-1, &status, WUNTRACED | WCONTINUED | WNOHANG) == 0, "there is something to wait for: %#x", status);
	SYS(kill(job, SIGCONT));
	CHECK(waitpid(job, &status, WCONTINUED) == job && WIFCONTINUED(status), "continued: %#x", status);
	SYS(kill(job, SIGTSTP));
	CHECK(waitpid(job, &status, WUNTRACED) == job && WIFSTOPPED(status) && WSTOPSIG(status) == SIGTSTP, "stopped again: %#x", status);
	CHECK(heard > before, "no SIGCHLD of the next stop");
	SYS(kill(job, SIGKILL));
	SYS(kill(runs, SIGKILL));
	while (waitpid(job, 0, 0) < 0 || waitpid(runs, 0, 0) < 0)
		CHECK(errno == EINTR, "wait: %s", strerror(errno));
	wl_child_verify(other);
	wl_ok();
}
