/*
 * deny-open PATH ERRNO COMMAND...: runs a command whose main thread finds that PATH cannot be opened, with that error.
 * PATH may end in "*". Exits as the command does.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

static int matches(pid_t pid, unsigned long address, const char *path)
{
	char text[256] = "";
	struct iovec local = {text, sizeof(text) - 1}, remote = {(void *)address, sizeof(text) - 1};
	size_t n = strlen(path);

	/* a name near the end of its page is read no further than that */
	if (process_vm_readv(pid, &local, 1, &remote, 1, 0) < 0) {
		local.iov_len = remote.iov_len = 4096 - address % 4096;
		if (local.iov_len >= sizeof(text) || process_vm_readv(pid, &local, 1, &remote, 1, 0) < 0)
			return 0;
	}
	return path[n - 1] == '*' ? !strncmp(text, path, n - 1) : !strcmp(text, path);
}

int main(int argc, char **argv)
{
	struct user_regs_struct regs;
	int status, entry = 1, deny = 0;
	pid_t pid;

	if (argc < 4)
		return 2;
	pid = fork();
	if (!pid) {
		ptrace(PTRACE_TRACEME, 0, 0, 0);
		execvp(argv[3], argv + 3);
		_exit(127);
	}
	waitpid(pid, &status, 0);
	ptrace(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL);
	for (int signal = 0;;) {
		ptrace(PTRACE_SYSCALL, pid, 0, signal);
		if (waitpid(pid, &status, __WALL) != pid)
			return 2;
		if (!WIFSTOPPED(status))
			return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
		signal = 0;
		if (WSTOPSIG(status) == SIGTRAP)
			continue; /* exec */
		if (WSTOPSIG(status) != (SIGTRAP | 0x80)) {
			signal = WSTOPSIG(status);
			continue;
		}
		ptrace(PTRACE_GETREGS, pid, 0, &regs);
		if (entry) {
			deny = (regs.orig_rax == SYS_openat && matches(pid, regs.rsi, argv[1])) ||
			       (regs.orig_rax == SYS_open && matches(pid, regs.rdi, argv[1]));
			if (deny) {
				regs.orig_rax = -1;
				ptrace(PTRACE_SETREGS, pid, 0, &regs);
			}
		} else if (deny) {
			regs.rax = -atoi(argv[2]);
			ptrace(PTRACE_SETREGS, pid, 0, &regs);
		}
		entry = !entry;
	}
}
