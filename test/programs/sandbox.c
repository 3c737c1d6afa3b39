/*
 * sandbox [UID] [thread]: a process whose main thread, or another one, is in a landlock(7) domain that says nothing but that no
 * block device may be made. With UID it gives up root first. Writes "ready", or "none" where the kernel has no landlock.
 * sandbox UID free: the same without a domain.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* linux/landlock.h */
#define ACCESS_FS_MAKE_BLOCK (1ull << 11)

static volatile int done;

static void *restrict_self(void *arg)
{
	unsigned long long handled = ACCESS_FS_MAKE_BLOCK;
	int rules = syscall(SYS_landlock_create_ruleset, &handled, sizeof(handled), 0);

	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	done = rules < 0 || syscall(SYS_landlock_restrict_self, rules, 0) ? -1 : 1;
	close(rules);
	if (arg)
		for (;;)
			pause();
	return 0;
}

int main(int argc, char **argv)
{
	int uid = argc > 1 ? atoi(argv[1]) : 0;
	const char *how = argc > 2 ? argv[2] : "";
	pthread_t thread;

	if (uid && (setresgid(uid, uid, uid) || setresuid(uid, uid, uid)))
		perror("setresuid");
	prctl(PR_SET_DUMPABLE, 1);
	if (!strcmp(how, "thread"))
		pthread_create(&thread, 0, restrict_self, (void *)1);
	else if (strcmp(how, "free"))
		restrict_self(0);
	else
		done = 1;
	while (!done)
		usleep(1000);
	printf(done > 0 ? "ready\n" : "none\n");
	fflush(stdout);
	for (;;)
		pause();
}
