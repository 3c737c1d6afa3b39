/*
 * State: files that are hard to find again: two deleted names, no name, a deleted
 * directory, a name that is another file's, odd bytes, a symbolic link.
 * Verify: content, owner and mode, links; nothing came back that was deleted.
 */
#include "wl.h"
#include "bytes.h"

static char link_text[512];
static const char *link_of(int fd)
{
	char path[64];
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	ssize_t n = SYS(readlink(path, link_text, sizeof(link_text) - 1));
	link_text[n] = 0;
	return link_text;
}

int main(void)
{
	int one, two, tmp, inside, reused, wo, odd, odd2, sym;
	struct stat s, t;
	char buffer[64];

	wl_init();
	one = make("both.a", 50, 1);
	SYS(link("both.a", "both.b"));
	two = SYS(open("both.b", O_RDONLY));
	SYS(unlink("both.a"));
	SYS(unlink("both.b"));
	tmp = SYS(open(".", O_TMPFILE | O_RDWR, 0640));
	SYS(write(tmp, "nameless", 8));
	SYS(mkdir("gone", 0755));
	SYS(mkdir("gone/deeper", 0755));
	inside = make("gone/deeper/file", 60, 2);
	SYS(unlink("gone/deeper/file"));
	SYS(rmdir("gone/deeper"));
	SYS(rmdir("gone"));
	reused = make("reused", 70, 3);
	SYS(unlink("reused"));
	close(make("reused", 10, 4));
	wo = SYS(open("writeonly", O_WRONLY | O_CREAT, 0200));
	SYS(write(wo, "secret", 6));
	SYS(unlink("writeonly"));
	odd = make("new\nline \377 (deleted)", 20, 5);
	odd2 = make("odd \376", 21, 6);
	SYS(unlink("odd \376"));
	SYS(symlink("/nowhere", "symlink"));
	sym = SYS(open("symlink", O_PATH | O_NOFOLLOW));
	SYS(unlink("symlink"));
	wl_ready();
	wl_wait();
	CHECK(pread(one, buffer, 64, 0) == 50 && same(buffer, 50, 1), "both.a");
	SYS(fstat(one, &s));
	SYS(fstat(two, &t));
	CHECK(s.st_ino == t.st_ino && s.st_nlink == 0, "two names of one file became two files");
	CHECK(strstr(link_of(two), "/both.b (deleted)"), "link %s", link_text);
	CHECK(pread(tmp, buffer, 64, 0) == 8 && !memcmp(buffer, "nameless", 8), "O_TMPFILE");
	SYS(fstat(tmp, &s));
	CHECK((s.st_mode & 0777) == 0640, "mode %o", s.st_mode);
	CHECK(pread(inside, buffer, 64, 0) == 60 && same(buffer, 60, 2), "file in a deleted directory");
	CHECK(access("gone", F_OK) < 0, "the directory came back");
	CHECK(pread(reused, buffer, 64, 0) == 64 && same(buffer, 64, 3), "reused name");
	SYS(stat("reused", &s));
	CHECK(s.st_size == 10, "the file that took the name was touched");
	CHECK((fcntl(wo, F_GETFL) & O_ACCMODE) == O_WRONLY, "flags");
	SYS(fstat(wo, &s));
	CHECK(s.st_size == 6 && (s.st_mode & 0777) == 0200, "write-only file");
	CHECK(pread(odd, buffer, 64, 0) == 20 && same(buffer, 20, 5), "odd name");
	SYS(fstat(odd, &s));
	CHECK(s.st_nlink == 1, "odd name: %d links", (int)s.st_nlink);
	CHECK(pread(odd2, buffer, 64, 0) == 21 && same(buffer, 21, 6), "odd deleted name");
	CHECK(strstr(link_of(odd2), "/odd \376 (deleted)"), "link %s", link_text);
	ssize_t n = readlinkat(sym, "", buffer, sizeof(buffer));
	CHECK(n == 8 && !memcmp(buffer, "/nowhere", 8), "symbolic link: %zd", n);
	wl_ok();
}
