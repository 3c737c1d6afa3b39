// Holds much of what cannot be dumped, itself (descriptors) and in a child (seccomp, a namespace of its own), says "ready", and when
// it gets SIGUSR1 checks that nobody changed anything: says "ok", or "FAIL" and what. Works in the current directory.
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/fanotify.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#ifndef SO_PEEK_OFF
#define SO_PEEK_OFF 42
#endif

static volatile sig_atomic_t go;
static void on_go(int sig) { (void)sig; go = 1; }

static void say(const char *text) { if (write(1, text, strlen(text)) < 0) _exit(3); }
#define MUST(condition) do { if (!(condition)) { say("FAIL " #condition "\n"); _exit(1); } } while (0)

static void be_filtered(void)
{
	struct sock_filter allow = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	struct sock_fprog prog = { 1, &allow };
	MUST(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
	MUST(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog, 0, 0) == 0);
}

int main(void)
{
	int pair[2], up[2], offset = 0;
	socklen_t length = sizeof(offset);
	char byte;
	struct stat before, after;
	signal(SIGUSR1, on_go);
	MUST(pipe(up) == 0);
	if (fork() == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		MUST(unshare(CLONE_NEWCGROUP) == 0);
		be_filtered();
		MUST(write(up[1], "c", 1) == 1);
		for (;;) pause();
	}
	MUST(read(up[0], &byte, 1) == 1);
	int corked = socket(AF_INET, SOCK_DGRAM, 0), on = 1;
	MUST(setsockopt(corked, IPPROTO_UDP, UDP_CORK, &on, sizeof(on)) == 0);
	MUST(corked >= 0);
	int group = fanotify_init(FAN_CLASS_CONTENT, 0), asked = open("asked", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	MUST(group >= 0 && asked >= 0 && close(asked) == 0);
	MUST(fanotify_mark(group, FAN_MARK_ADD, FAN_OPEN_PERM, AT_FDCWD, "asked") == 0);
	int locked = open("locked", O_RDWR | O_CREAT, 0600);
	MUST(locked >= 0 && flock(locked, LOCK_EX) == 0);
	// its name goes, another one stays: dumping it needs --link-remap, which makes a name
	int linked = open("first", O_RDWR | O_CREAT, 0600);
	MUST(linked >= 0 && link("first", "second") == 0 && unlink("first") == 0);
	MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0 && write(pair[1], "data", 4) == 4);
	MUST(fstat(linked, &before) == 0);
	say("ready\n");
	while (!go) pause();
	MUST(fstat(linked, &after) == 0 && after.st_nlink == before.st_nlink);
	MUST(after.st_ctim.tv_sec == before.st_ctim.tv_sec && after.st_ctim.tv_nsec == before.st_ctim.tv_nsec);
	MUST(getsockopt(pair[0], SOL_SOCKET, SO_PEEK_OFF, &offset, &length) == 0 && offset == -1);
	say("ok\n");
	return 0;
}
