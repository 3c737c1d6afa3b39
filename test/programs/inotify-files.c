/*
 * State: inotify watches with all events and flags, on a file that was deleted and is open, one that was renamed, one of
 * whose two names was deleted; numbers far apart.
 * Verify: fdinfo tells the same watches, their events come, and the end of the deleted file is told when it is closed.
 */
#include "wl.h"
#include <fcntl.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

/* linux/inotify.h */
#define SETNEXTWD _IOW('I', 0, int)

static int fd;

static int next(uint32_t *mask)
{
	static char buf[4096] __attribute__((aligned(8)));
	static int len, off;
	struct inotify_event *e;

	if (off >= len) {
		len = read(fd, buf, sizeof(buf));
		off = 0;
		if (len <= 0)
			return -1;
	}
	e = (struct inotify_event *)(buf + off);
	off += sizeof(*e) + e->len;
	*mask = e->mask;
	return e->wd;
}

/* wd and mask of each watch; a deleted file has another inode later. */
static void told(char *text, size_t size)
{
	char path[64], line[512];
	unsigned wd, mask;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	f = fopen(path, "re");
	CHECK(f != NULL, "fdinfo");
	text[0] = 0;
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, "inotify wd:%x ino:%*x sdev:%*x mask:%x", &wd, &mask) == 2)
			snprintf(text + strlen(text), size - strlen(text), "%x:%x ", wd, mask);
	fclose(f);
}

int main(void)
{
	char before[1024], after[1024];
	int gone, opened, wgone, wmoved, wlinked, wunlinked;
	uint32_t m;

	wl_init();
	gone = wl_mkfile("watched.gone", 10, 1);
	close(wl_mkfile("watched.old", 10, 1));
	close(wl_mkfile("watched.one", 10, 1));
	SYS(link("watched.one", "watched.two"));
	opened = SYS(open("watched.two", O_RDONLY | O_CLOEXEC));
	SYS(mkdir("watched.d", 0700));
	fd = SYS(inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
	wgone = SYS(inotify_add_watch(fd, "watched.gone", IN_MODIFY | IN_DELETE_SELF));
	SYS(ioctl(fd, SETNEXTWD, 70000));
	wmoved = SYS(inotify_add_watch(fd, "watched.old", IN_ALL_EVENTS | IN_ONESHOT));
	SYS(inotify_rm_watch(fd, wmoved));
	wmoved = SYS(inotify_add_watch(fd, "watched.old", IN_ATTRIB));
	SYS(ioctl(fd, SETNEXTWD, 0x40000000));
	wlinked = SYS(inotify_add_watch(fd, "watched.one", IN_ALL_EVENTS | IN_ONESHOT | IN_EXCL_UNLINK));
	wunlinked = SYS(inotify_add_watch(fd, "watched.d", IN_CREATE | IN_ONLYDIR | IN_DONT_FOLLOW | IN_MASK_CREATE));
	SYS(rename("watched.old", "watched.new"));
	SYS(unlink("watched.gone"));
	while (next(&m) > 0)
		;
	told(before, sizeof(before));
	wl_ready();
	wl_wait();

	told(after, sizeof(after));
	CHECK(!strcmp(before, after), "watches: %s, not %s", after, before);
	CHECK(next(&m) < 0 && errno == EAGAIN, "an event that nobody caused: %#x", m);
	SYS(write(gone, "x", 1));
	CHECK(next(&m) == wgone && m == IN_MODIFY, "deleted file: %#x", m);
	SYS(chmod("watched.new", 0600));
	CHECK(next(&m) == wmoved && m == IN_ATTRIB, "renamed file: %#x", m);
	SYS(fchmod(opened, 0640));
	CHECK(next(&m) == wlinked && m == IN_ATTRIB, "file with two names: %#x", m);
	CHECK(next(&m) == wlinked && m == IN_IGNORED, "its end: %#x", m);
	close(wl_mkfile("watched.d/born", 1, 1));
	CHECK(next(&m) == wunlinked && m == IN_CREATE, "directory: %#x", m);
	close(gone);
	CHECK(next(&m) == wgone && m == IN_DELETE_SELF, "end of the deleted file: %#x", m);
	CHECK(next(&m) == wgone && m == IN_IGNORED, "end of its watch: %#x", m);
	wl_ok();
}
