/*
 * State: fanotify groups: one that tells files, directories and names (FAN_REPORT_*), with a mark on a directory; one with
 * marks on a mount and on its file system, for events that nobody else causes; one whose marks leave events out in both ways
 * (FAN_MARK_IGNORED_MASK, FAN_MARK_IGNORE), hold no inode (FAN_MARK_EVICTABLE), or are on a deleted file; flags of the
 * descriptors that they give.
 * Verify: fdinfo tells the same groups, and the events that are caused come, with names, pidfds and flags, and no others.
 */
#include "wl.h"
#include <fcntl.h>
#include <sys/fanotify.h>
#include <sys/stat.h>

#define MARK(fd, flags, mask, name) SYS(fanotify_mark(fd, FAN_MARK_ADD | (flags), mask, AT_FDCWD, name))

static const char program[] = "#!/bin/true\n";

struct seen {
	uint64_t mask;
	int nr, flags, pidfds;
	char name[64];
};

static void look(int fd, struct seen *s)
{
	char buf[4096] __attribute__((aligned(8)));
	struct fanotify_event_metadata *m = (void *)buf;
	int n = read(fd, buf, sizeof(buf));

	memset(s, 0, sizeof(*s));
	for (; n > 0 && FAN_EVENT_OK(m, n); m = FAN_EVENT_NEXT(m, n)) {
		s->nr++;
		s->mask |= m->mask;
		if (m->fd >= 0) {
			s->flags = fcntl(m->fd, F_GETFL);
			close(m->fd);
		}
		for (size_t at = m->metadata_len; at < m->event_len;) {
			struct fanotify_event_info_header *h = (void *)((char *)m + at);

			if (h->info_type == FAN_EVENT_INFO_TYPE_PIDFD) {
				s->pidfds++;
				close(((struct fanotify_event_info_pidfd *)h)->pidfd);
			} else if (h->info_type == FAN_EVENT_INFO_TYPE_DFID_NAME) {
				struct file_handle *f = (void *)((struct fanotify_event_info_fid *)h)->handle;

				snprintf(s->name, sizeof(s->name), "%s", (char *)f->f_handle + f->handle_bytes);
			}
			at += h->len;
		}
	}
}

/* What fdinfo tells, from the line with the flags on; of a deleted file the inode is another one later. */
static void told(int fd, char *text, size_t size)
{
	char path[64], line[512], *at;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	f = fopen(path, "re");
	CHECK(f != NULL, "fdinfo");
	text[0] = 0;
	while (fgets(line, sizeof(line), f)) {
		if (strncmp(line, "fanotify ", 9))
			continue;
		at = strstr(line, " mflags:");
		if (!strncmp(line, "fanotify ino:", 13) && at)
			memmove(line + 9, at, strlen(at) + 1);
		at = strstr(line, " fhandle-bytes");
		if (at)
			*at = 0;
		strncat(text, line, size - strlen(text) - 1);
	}
	fclose(f);
}

static void run(const char *name)
{
	pid_t kid = SYS(fork());

	if (!kid) {
		execl(name, name, NULL);
		_exit(1);
	}
	SYS(waitpid(kid, NULL, 0));
}

int main(void)
{
	char before[3][4096], after[4096], shm[64];
	int named, mounted, left, gone, t, fds[3];
	struct seen s;

	wl_init();
	snprintf(shm, sizeof(shm), "/dev/shm/crit-fanotify-%d", getpid());
	SYS(mkdir("marks.d", 0755));
	close(wl_mkfile("marks.a", 10, 1));
	close(wl_mkfile("marks.b", 10, 1));
	gone = wl_mkfile("marks.gone", 10, 1);
	t = SYS(open(shm, O_CREAT | O_WRONLY | O_CLOEXEC, 0700));
	SYS(write(t, program, strlen(program)));
	close(t);
	t = SYS(open(shm, O_RDONLY));
	SYS(unlink(shm));
	snprintf(shm, sizeof(shm), "/proc/self/fd/%d", t);
	fds[0] = named = SYS(fanotify_init(FAN_CLASS_NOTIF | FAN_NONBLOCK | FAN_REPORT_DFID_NAME | FAN_REPORT_PIDFD, O_RDONLY));
	MARK(named, FAN_MARK_ONLYDIR, FAN_CREATE | FAN_DELETE | FAN_ONDIR, "marks.d");
	fds[1] = mounted = SYS(fanotify_init(FAN_CLASS_CONTENT | FAN_UNLIMITED_QUEUE | FAN_UNLIMITED_MARKS | FAN_REPORT_TID,
					     O_RDWR | O_LARGEFILE | O_NOATIME | O_CLOEXEC));
	SYS(fcntl(mounted, F_SETFL, O_NONBLOCK));
	MARK(mounted, FAN_MARK_MOUNT, FAN_OPEN_EXEC, "/dev/shm");
	MARK(mounted, FAN_MARK_FILESYSTEM, FAN_OPEN_EXEC | FAN_ONDIR, "/dev/shm");
	fds[2] = left = SYS(fanotify_init(FAN_CLASS_NOTIF | FAN_NONBLOCK | FAN_CLOEXEC, O_RDONLY | O_CLOEXEC));
	MARK(left, 0, FAN_MODIFY | FAN_CLOSE, "marks.a");
	MARK(left, FAN_MARK_IGNORED_MASK, FAN_CLOSE_NOWRITE, "marks.a");
	MARK(left, FAN_MARK_EVICTABLE, FAN_MODIFY, "marks.b");
	MARK(left, FAN_MARK_IGNORE_SURV, FAN_OPEN | FAN_ONDIR | FAN_EVENT_ON_CHILD, "marks.d");
	MARK(left, 0, FAN_MODIFY, "marks.gone");
	SYS(unlink("marks.gone"));
	for (int i = 0; i < 3; i++)
		told(fds[i], before[i], sizeof(before[i]));
	wl_ready();
	wl_wait();

	for (int i = 0; i < 3; i++) {
		told(fds[i], after, sizeof(after));
		CHECK(!strcmp(before[i], after), "group %d: was:\n%sis:\n%s", i, before[i], after);
		look(fds[i], &s);
		CHECK(s.nr == 0, "group %d: an event that nobody caused: %#lx", i, (unsigned long)s.mask);
	}
	CHECK(fcntl(left, F_GETFD) == FD_CLOEXEC && fcntl(named, F_GETFD) == 0, "flags of descriptors");
	close(wl_mkfile("marks.d/born", 1, 1));
	look(named, &s);
	CHECK(s.mask == FAN_CREATE && s.pidfds == 1 && !strcmp(s.name, "born"), "%#lx %d %s", (unsigned long)s.mask, s.pidfds, s.name);
	run(shm);
	look(mounted, &s);
	CHECK(s.mask == FAN_OPEN_EXEC, "mount: %#lx", (unsigned long)s.mask);
	CHECK((s.flags & (O_ACCMODE | O_NOATIME)) == (O_RDWR | O_NOATIME), "flags of an event: %#o", s.flags);
	close(SYS(open("marks.a", O_RDONLY)));
	look(left, &s);
	CHECK(s.nr == 0, "left out: %#lx", (unsigned long)s.mask);
	SYS(write(gone, "x", 1));
	look(left, &s);
	CHECK(s.mask == FAN_MODIFY, "deleted file: %#lx", (unsigned long)s.mask);
	close(SYS(open("marks.a", O_WRONLY)));
	look(left, &s);
	CHECK(s.mask == FAN_CLOSE_WRITE, "file: %#lx", (unsigned long)s.mask);
	wl_ok();
}
