// prepare: mkdir root && mount --bind root root && mount --make-private root && cp ns-mnt root/ && cp --parents $(ldd ns-mnt | grep -o '/[^ ]*') root/
// launch: unshare --mount --propagation private
// out: root/out
// restore-options: --root {WORK}/root
// cleanup: umount -l root
/*
 * State: an own mount namespace with its root pivoted into a directory: proc,
 * a tmpfs with files and a nested tmpfs with more, a bind mount of a
 * directory, a read-only bind of a file, a shared mount and a slave of it,
 * open files on several of them, the current directory on a tmpfs.
 * Verify: the list of mounts with flags and propagation, file contents, open
 * descriptors, the current directory, propagation to the slave.
 */
#include "wl.h"
#include <sys/mount.h>

static void put(const char *path, const char *text)
{
	int fd = SYS(open(path, O_WRONLY | O_CREAT, 0640));

	SYS(write(fd, text, strlen(text)));
	close(fd);
}

static int is(const char *path, const char *text)
{
	char buf[64];
	int fd = open(path, O_RDONLY), n = fd < 0 ? -1 : (int)read(fd, buf, sizeof(buf));

	close(fd);
	return n == (int)strlen(text) && !memcmp(buf, text, n);
}

static int cmp(const void *a, const void *b)
{
	return strcmp(*(char **)a, *(char **)b);
}

/* mount point, options, fs type and propagation of every mount, sorted */
static void list(char *out, size_t len)
{
	char line[1024], at[256], opt[256], type[64], *l[64];
	FILE *f = fopen("/proc/self/mountinfo", "r");
	size_t n = 0;
	int c = 0;

	while (fgets(line, sizeof(line), f) && c < 64) {
		char *dash = strstr(line, " - ");

		if (sscanf(line, "%*d %*d %*s %*s %255s %255s", at, opt) != 2 || sscanf(dash + 3, "%63s", type) != 1)
			continue;
		l[c] = malloc(700);
		snprintf(l[c++], 700, "%s %s %s%s%s", at, opt, type, strstr(line, "shared:") ? " shared" : "", strstr(line, "master:") ? " slave" : "");
	}
	fclose(f);
	qsort(l, c, sizeof(l[0]), cmp);
	for (int i = 0; i < c; i++)
		n += snprintf(out + n, len - n, "%s\n", l[i]);
}

int main(int argc, char **argv)
{
	static char before[8192], after[8192];
	char cwd[64], b[16];
	int fd, shared;

	if (argc == 1) {
		SYS(chdir("root"));
		SYS(mkdir("old", 0700));
		SYS(syscall(SYS_pivot_root, ".", "old"));
		SYS(chdir("/"));
		SYS(umount2("old", MNT_DETACH));
		SYS(rmdir("old"));
		execl("/ns-mnt", argv[0], "inside", NULL);
		wl_fail("setup: exec: %s", strerror(errno));
	}
	put("/in", "");
	SYS(dup2(SYS(open("/in", O_RDONLY)), 0));
	fd = SYS(open("/out", O_WRONLY | O_APPEND));
	dup2(fd, 1);
	dup2(fd, 2);
	for (fd = 3; fd < 10; fd++)
		close(fd);
	wl_init();
	for (char **d = (char *[]){ "/proc", "/t", "/src", "/bind", "/sh", "/sl", NULL }; *d; d++)
		SYS(mkdir(*d, 0755));
	SYS(mount("proc", "/proc", "proc", MS_NOSUID | MS_NOEXEC, NULL));
	SYS(mount("wl", "/t", "tmpfs", MS_NODEV, "size=1m,mode=0711"));
	put("/t/one", "first tmpfs");
	SYS(mkdir("/t/in", 0700));
	SYS(mount("wl2", "/t/in", "tmpfs", MS_NOSUID, "size=64k"));
	put("/t/in/two", "nested tmpfs");
	SYS(symlink("two", "/t/in/link"));
	put("/src/file", "bound");
	SYS(mount("/src", "/bind", NULL, MS_BIND, NULL));
	put("/plain", "");
	SYS(mount("/src/file", "/plain", NULL, MS_BIND, NULL));
	SYS(mount(NULL, "/plain", NULL, MS_BIND | MS_REMOUNT | MS_RDONLY, NULL));
	SYS(mount("sh", "/sh", "tmpfs", 0, "size=64k"));
	SYS(mount(NULL, "/sh", NULL, MS_SHARED, NULL));
	SYS(mkdir("/sh/sub", 0755));
	SYS(mount("/sh", "/sl", NULL, MS_BIND, NULL));
	SYS(mount(NULL, "/sl", NULL, MS_SLAVE, NULL));
	fd = SYS(open("/t/one", O_RDWR));
	lseek(fd, 6, SEEK_SET);
	shared = SYS(open("/bind/file", O_RDONLY));
	SYS(chdir("/t/in"));
	list(before, sizeof(before));
	wl_ready();
	wl_wait();
	list(after, sizeof(after));
	if (strcmp(before, after)) {
		char *p = before, *q = after;

		while (*p == *q)
			p++, q++;
		while (p > before && p[-1] != '\n')
			p--, q--;
		p[strcspn(p, "\n")] = 0;
		q[strcspn(q, "\n")] = 0;
		wl_fail("mount '%s' is '%s'", p, q);
	}
	CHECK(is("/t/one", "first tmpfs") && is("/t/in/link", "nested tmpfs") && is("/plain", "bound"), "file contents");
	CHECK(read(fd, b, 16) == 5 && !memcmp(b, "tmpfs", 5), "open file on tmpfs");
	CHECK(read(shared, b, 16) == 5 && !memcmp(b, "bound", 5), "open file on the bind mount");
	CHECK(getcwd(cwd, sizeof(cwd)) && !strcmp(cwd, "/t/in"), "cwd %s", cwd);
	CHECK(open("/plain", O_WRONLY) < 0 && errno == EROFS, "read-only bind is writable");
	put("/bind/new", "x");
	CHECK(is("/src/new", "x"), "the bind mount is apart");
	SYS(mount("late", "/sh/sub", "tmpfs", 0, NULL));
	put("/sh/sub/f", "late");
	CHECK(is("/sl/sub/f", "late"), "no propagation to the slave");
	wl_ok();
}
