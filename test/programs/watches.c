/*
 * Inotify instances: watches on a directory, a file and a symbolic link with numbers that have gaps, one that signals
 * (O_ASYNC), one without watches. SIGUSR1 makes the process look for events that nobody caused and cause some; then "ok" or
 * what was wrong is written.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

static volatile sig_atomic_t asked, signalled;
static int failed;

static void on_ask(int signal)
{
	(void)signal;
	asked = 1;
}

static void on_io(int signal)
{
	(void)signal;
	signalled++;
}

static void wrong(const char *what, long is, long wanted)
{
	if (is == wanted)
		return;
	printf("%s: %ld, not %ld\n", what, is, wanted);
	failed = 1;
}

static int must(int result, const char *what)
{
	if (result < 0) {
		perror(what);
		exit(1);
	}
	return result;
}

static void touch(const char *name)
{
	close(must(open(name, O_WRONLY | O_CREAT, 0600), name));
}

/* The number of the watch of the next event with its mask, or -1. */
static int next(int fd, unsigned *mask)
{
	static char bufs[16][4096] __attribute__((aligned(8)));
	static int lengths[16], ats[16];
	int *length = &lengths[fd % 16], *at = &ats[fd % 16];
	struct inotify_event *event;

	if (*at >= *length) {
		int flags = fcntl(fd, F_GETFL);

		fcntl(fd, F_SETFL, flags | O_NONBLOCK);
		*length = read(fd, bufs[fd % 16], sizeof(bufs[0]));
		fcntl(fd, F_SETFL, flags);
		*at = 0;
		if (*length <= 0)
			return -1;
	}
	event = (void *)(bufs[fd % 16] + *at);
	*at += sizeof(*event) + event->len;
	*mask = event->mask;
	return event->wd;
}

int main(void)
{
	struct sigaction io = {.sa_handler = on_io}, ask = {.sa_handler = on_ask};
	int plain, async, empty, dir, file, once, kept, i;
	unsigned mask = 0;

	sigaction(SIGIO, &io, 0);
	sigaction(SIGUSR1, &ask, 0);
	mkdir("directory", 0700);
	touch("file");
	touch("once");
	must(symlink("file", "link"), "symlink");
	plain = must(inotify_init1(IN_CLOEXEC), "inotify_init1");
	async = must(inotify_init1(IN_NONBLOCK), "inotify_init1");
	empty = must(inotify_init1(0), "inotify_init1");
	for (i = 0; i < 300; i++)
		must(inotify_rm_watch(plain, must(inotify_add_watch(plain, "file", IN_OPEN), "add")), "rm");
	dir = must(inotify_add_watch(plain, "directory", IN_CREATE | IN_CLOSE | IN_OPEN), "add");
	must(inotify_rm_watch(plain, must(inotify_add_watch(plain, "file", IN_OPEN), "add")), "rm");
	file = must(inotify_add_watch(plain, "file", IN_ALL_EVENTS), "add");
	once = must(inotify_add_watch(plain, "once", IN_MODIFY | IN_ONESHOT), "add");
	must(inotify_rm_watch(async, must(inotify_add_watch(async, "once", IN_OPEN), "add")), "rm");
	kept = must(inotify_add_watch(async, "link", IN_DELETE_SELF | IN_ATTRIB | IN_DONT_FOLLOW), "add");
	while (next(plain, &mask) >= 0 || next(async, &mask) >= 0)
		;
	fcntl(async, F_SETOWN, getpid());
	fcntl(async, F_SETFL, O_NONBLOCK | O_ASYNC);
	signalled = 0;
	printf("ready\n");
	fflush(stdout);
	while (!asked)
		pause();

	wrong("flags", fcntl(plain, F_GETFL) & (O_NONBLOCK | O_ASYNC), 0);
	wrong("close-on-exec", fcntl(plain, F_GETFD), FD_CLOEXEC);
	wrong("flags that signal", fcntl(async, F_GETFL) & (O_NONBLOCK | O_ASYNC), O_NONBLOCK | O_ASYNC);
	wrong("event that nobody caused", next(plain, &mask), -1);
	wrong("event on the link that nobody caused", next(async, &mask), -1);
	wrong("event without a watch", next(empty, &mask), -1);
	wrong("signals before any event", signalled, 0);
	touch("directory/new");
	wrong("watch of the directory", next(plain, &mask), dir);
	wrong("its event", mask, IN_CREATE);
	while (next(plain, &mask) == dir)
		;
	must(truncate("file", 3), "truncate");
	wrong("watch of the file", next(plain, &mask), file);
	wrong("its event", mask, IN_MODIFY);
	must(truncate("once", 3), "truncate");
	wrong("watch that is there once", next(plain, &mask), once);
	wrong("its end", next(plain, &mask), once);
	wrong("its end's event", mask, IN_IGNORED);
	must(truncate("once", 5), "truncate");
	wrong("watch that is gone", next(plain, &mask), -1);
	must(fchmodat(AT_FDCWD, "file", 0640, 0), "chmod");
	wrong("watch of the link, at a change of its file", next(async, &mask), -1);
	must(unlink("link"), "unlink");
	wrong("signals", signalled > 0, 1);
	wrong("watch of the link", next(async, &mask), kept);
	wrong("number of the next watch", must(inotify_add_watch(empty, "file", IN_OPEN), "add"), 1);
	if (!failed)
		printf("ok\n");
	fflush(stdout);
	return failed;
}
