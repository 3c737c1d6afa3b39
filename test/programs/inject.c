/*
 * Runs a command and disturbs one system call of its first thread:
 *
 *   inject NR K kill COMMAND ...     SIGKILL when it has made its K-th call number NR
 *   inject NR K ERRNO COMMAND ...    that call fails with this error instead of being made
 *   inject NR 0 count COMMAND ...    nothing; prints "calls N" when the command has ended
 *
 * Its exit status is the command's, 137 when it was killed.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	long nr, k, calls = 0;
	int status, entry = 1, fail = 0;
	pid_t pid;

	if (argc < 5)
		return 2;
	nr = atol(argv[1]);
	k = atol(argv[2]);
	pid = fork();
	if (pid == 0) {
		ptrace(PTRACE_TRACEME, 0, 0, 0);
		raise(SIGSTOP);
		execvp(argv[4], argv + 4);
		_exit(126);
	}
	waitpid(pid, &status, 0);
	ptrace(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL | PTRACE_O_TRACEEXEC);
	for (int pass = 0;;) {
		struct user_regs_struct regs;

		if (ptrace(PTRACE_SYSCALL, pid, 0, pass) < 0 && errno == ESRCH) {
			kill(pid, SIGKILL);
			return 137;
		}
		pass = 0;
		if (waitpid(pid, &status, 0) < 0)
			return 2;
		if (WIFEXITED(status) || WIFSIGNALED(status))
			break;
		if (WSTOPSIG(status) != (SIGTRAP | 0x80)) {
			if (status >> 16 == 0)
				pass = WSTOPSIG(status);
			continue;
		}
		entry = !entry;
		ptrace(PTRACE_GETREGS, pid, 0, &regs);
		if (!entry) { /* toggled first: this is an entry */
			fail = 0;
			if ((long)regs.orig_rax != nr || ++calls != k)
				continue;
			if (strcmp(argv[3], "kill") == 0) {
				fail = -1;
			} else if (strcmp(argv[3], "count")) {
				fail = atoi(argv[3]);
				regs.orig_rax = -1;
				ptrace(PTRACE_SETREGS, pid, 0, &regs);
			}
			continue;
		}
		if (fail == -1) {
			kill(pid, SIGKILL);
			waitpid(pid, &status, 0);
			return 137;
		}
		if (fail > 0) {
			regs.rax = -fail;
			ptrace(PTRACE_SETREGS, pid, 0, &regs);
		}
		fail = 0;
	}
	if (strcmp(argv[3], "count") == 0)
		printf("calls %ld\n", calls);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
