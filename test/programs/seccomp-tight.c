/*
 * State: a main thread with two filters, the first of which its second thread has too; a child one of whose threads has a
 * program of 4096 instructions; a child that is killed by every call but read, write, exit and sigreturn, and one in
 * strict mode. Given a word, the last two alone.
 * Verify: the filters refuse what they refused, in the threads that they were for; a filter for all threads (TSYNC) is
 * accepted, which needs that the kernel knows the first as shared; the children answer, and are killed by the first
 * other call.
 */
#include "wl.h"
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sys/prctl.h>

static int pipes[3][2];
static volatile int ask, answer;

static int add(struct sock_filter *f, unsigned n, int flags)
{
	struct sock_fprog p = { n, f };

	return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &p);
}

static int refuse(int nr, int err, int flags)
{
	struct sock_filter f[] = {
		{ BPF_LD | BPF_W | BPF_ABS, 0, 0, 0 },
		{ BPF_JMP | BPF_JEQ | BPF_K, 0, 1, nr },
		{ BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ERRNO | err },
		{ BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW },
	};

	return add(f, 4, flags);
}

static int fails(int nr, int err)
{
	errno = 0;
	return syscall(nr, 0, 0) == -1 && errno == err;
}

static void *second(void *arg)
{
	(void)arg;
	while (!ask)
		usleep(1000);
	/* the first filter, not the second */
	answer = fails(SYS_getpriority, EPERM) && !fails(SYS_times, E2BIG) ? 1 : 2;
	while (ask < 2)
		usleep(1000);
	answer = fails(SYS_sched_get_priority_max, EXDEV) && fails(SYS_times, E2BIG) ? 3 : 4;
	for (;;)
		pause();
}

static void *large(void *arg)
{
	static struct sock_filter f[4096];

	(void)arg;
	f[0] = (struct sock_filter){ BPF_LD | BPF_W | BPF_ABS, 0, 0, 0 };
	for (int i = 1; i < 4093; i++)
		f[i] = (struct sock_filter){ BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 5000u + i };
	f[4093] = (struct sock_filter){ BPF_JMP | BPF_JEQ | BPF_K, 0, 1, SYS_getpriority };
	f[4094] = (struct sock_filter){ BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ERRNO | EXDEV };
	f[4095] = (struct sock_filter){ BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW };
	SYS(add(f, 4096, SECCOMP_FILTER_FLAG_LOG));
	answer = 1;
	while (!ask)
		usleep(1000);
	answer = fails(SYS_getpriority, EXDEV) ? 2 : 3;
	for (;;)
		pause();
}

static void tight(void)
{
	struct sock_filter f[] = {
		{ BPF_LD | BPF_W | BPF_ABS, 0, 0, 0 },
		{ BPF_JMP | BPF_JEQ | BPF_K, 4, 0, SYS_read },
		{ BPF_JMP | BPF_JEQ | BPF_K, 3, 0, SYS_write },
		{ BPF_JMP | BPF_JEQ | BPF_K, 2, 0, SYS_exit },
		{ BPF_JMP | BPF_JEQ | BPF_K, 1, 0, SYS_rt_sigreturn },
		{ BPF_RET | BPF_K, 0, 0, SECCOMP_RET_KILL_PROCESS },
		{ BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW },
	};

	SYS(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
	SYS(add(f, 7, 0));
}

static pid_t answers(int i, int strict)
{
	int command[2], reply[2];
	pid_t pid;
	char c;

	SYS(pipe(command));
	SYS(pipe(reply));
	pid = SYS(fork());
	if (!pid) {
		if (strict)
			SYS(prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT));
		else
			tight();
		for (c = 'r';; c++) {
			write(reply[1], &c, 1);
			if (read(command[0], &c, 1) != 1)
				syscall(SYS_exit, 9);
			if (c == 'k')
				syscall(SYS_getpid);
		}
	}
	pipes[i][0] = reply[0];
	pipes[i][1] = command[1];
	CHECK(read(reply[0], &c, 1) == 1, "setup: child %d", i);
	return pid;
}

static void check(int i, pid_t pid, int signal)
{
	char c;
	int st;

	SYS(write(pipes[i][1], "a", 1));
	CHECK(read(pipes[i][0], &c, 1) == 1 && c == 'b', "child %d: no answer", i);
	SYS(write(pipes[i][1], "k", 1));
	CHECK(waitpid(pid, &st, 0) == pid && WIFSIGNALED(st) && WTERMSIG(st) == signal, "child %d: status %#x", i, st);
}

int main(int argc, char **argv)
{
	pid_t kids[3];
	pthread_t t;

	(void)argv;
	wl_init();
	kids[0] = answers(0, 1);
	kids[1] = answers(1, 0);
	if (argc > 1) {
		wl_ready();
		wl_wait();
		check(0, kids[0], SIGKILL);
		check(1, kids[1], SIGSYS);
		wl_ok();
	}
	kids[2] = SYS(fork());
	if (!kids[2]) {
		pthread_create(&t, 0, large, 0);
		while (answer != 1)
			usleep(1000);
		wl_wait();
		ask = 1;
		for (int i = 0; i < 2000 && answer == 1; i++)
			usleep(1000);
		CHECK(answer == 2, "the large filter: %d", answer);
		CHECK(!fails(SYS_getpriority, EXDEV), "the large filter is not that of this thread");
		_exit(0);
	}
	SYS(refuse(SYS_getpriority, EPERM, 0));
	pthread_create(&t, 0, second, 0);
	SYS(refuse(SYS_times, E2BIG, SECCOMP_FILTER_FLAG_LOG));
	wl_sleep_ms(200);
	wl_ready();
	wl_wait();
	CHECK(fails(SYS_getpriority, EPERM) && fails(SYS_times, E2BIG), "main thread");
	ask = 1;
	for (int i = 0; i < 2000 && !answer; i++)
		usleep(1000);
	CHECK(answer == 1, "second thread: %d", answer);
	CHECK(refuse(SYS_sched_get_priority_max, EXDEV, SECCOMP_FILTER_FLAG_TSYNC) == 0, "a filter for all threads");
	ask = 2;
	for (int i = 0; i < 2000 && answer < 3; i++)
		usleep(1000);
	CHECK(answer == 3, "second thread, all filters: %d", answer);
	wl_child_verify(kids[2]);
	check(0, kids[0], SIGKILL);
	check(1, kids[1], SIGSYS);
	wl_ok();
}
