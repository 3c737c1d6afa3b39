/*
 * State: unix sockets whose names are paths of every kind: relative with "./" and "..", through a symbolic link, of 108
 * bytes, renamed, unlinked, replaced by another socket's; a connection whose listening socket is closed, with the file
 * left and with it unlinked; the name of a peer that is closed; a bound client; owner and mode of files.
 * Verify: names, who is reached by them, files, permissions.
 */
#include "wl.h"
#include <dirent.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>

#define HEAD offsetof(struct sockaddr_un, sun_path)

static socklen_t address(struct sockaddr_un *a, const char *name)
{
	size_t n = strlen(name);

	memset(a, 0, sizeof(*a));
	a->sun_family = AF_UNIX;
	memcpy(a->sun_path, name, n);
	return HEAD + n + (n < sizeof(a->sun_path));
}

static int bound(int type, const char *name)
{
	struct sockaddr_un a;
	socklen_t l = address(&a, name);
	int s = SYS(socket(AF_UNIX, type, 0));

	SYS(bind(s, (void *)&a, l));
	return s;
}

static int listening(const char *name)
{
	int s = bound(SOCK_STREAM, name);

	SYS(listen(s, 5));
	return s;
}

static void to(int s, const char *name)
{
	struct sockaddr_un a;
	socklen_t l = address(&a, name);

	SYS(connect(s, (void *)&a, l));
}

static void is_named(int s, int peer, const char *want, const char *what)
{
	char a[HEAD + 120] = "";
	socklen_t l = sizeof(a) - 1;

	SYS(peer ? getpeername(s, (void *)a, &l) : getsockname(s, (void *)a, &l));
	CHECK(!strcmp(a + HEAD, want), "%s is named '%s'", what, a + HEAD);
}

/* a connection through a name ends at this socket */
static void reaches(const char *name, int listening, const char *what)
{
	int c = SYS(socket(AF_UNIX, SOCK_STREAM, 0)), a;
	char b[8];

	to(c, name);
	a = SYS(accept4(listening, NULL, NULL, SOCK_NONBLOCK));
	SYS(send(c, what, 1, 0));
	CHECK(recv(a, b, 8, 0) == 1 && b[0] == what[0], "%s is not reached by its name", what);
	close(a);
	close(c);
}

static void talks(int a, int b, const char *what)
{
	char x[8];

	SYS(send(a, "to", 2, 0));
	CHECK(recv(b, x, 8, MSG_DONTWAIT) == 2, "%s: there", what);
	SYS(send(b, "fro", 3, 0));
	CHECK(recv(a, x, 8, MSG_DONTWAIT) == 3, "%s: back", what);
}

int main(void)
{
	static char longest[109], here[200];
	int dot, up, link, whole, renamed, gone, old, now, server, c1, s1, c2, s2, c3, s3, quiet, only;
	struct stat st;
	DIR *d;

	wl_init();
	mkdir("dir", 0755);
	mkdir("dir/deep", 0755);
	unlink("link");
	SYS(symlink("dir", "link"));
	SYS(getcwd(here, sizeof(here)) ? 0 : -1);
	dot = listening("./dot.sock");
	SYS(chdir("dir/deep"));
	up = listening("../up.sock");
	SYS(chdir(here));
	link = listening("link/deep/../linked.sock");
	memset(longest, 'x', 108);
	memcpy(longest, "dir/", 4);
	whole = listening(longest);
	renamed = listening("before.sock");
	SYS(rename("before.sock", "after.sock"));
	gone = listening("dir/gone.sock");
	SYS(unlink("dir/gone.sock"));
	old = listening("twice.sock");
	SYS(unlink("twice.sock"));
	now = listening("twice.sock");
	SYS(chmod("twice.sock", 01640));
	SYS(chown("twice.sock", 12, 34));
	quiet = bound(SOCK_STREAM, "quiet.sock");
	/* the server closes its listening socket: once the file stays, once it goes */
	server = listening("server.sock");
	c1 = bound(SOCK_STREAM, "client.sock");
	to(c1, "server.sock");
	s1 = SYS(accept(server, NULL, NULL));
	close(server);
	server = listening("unlinked.sock");
	c2 = SYS(socket(AF_UNIX, SOCK_STREAM, 0));
	to(c2, "unlinked.sock");
	s2 = SYS(accept(server, NULL, NULL));
	SYS(unlink("unlinked.sock"));
	close(server);
	/* peers that are closed */
	c3 = bound(SOCK_STREAM, "left.sock");
	to(c3, "twice.sock");
	close(SYS(accept(now, NULL, NULL)));
	only = bound(SOCK_STREAM, "leaver.sock");
	to(only, "twice.sock");
	s3 = SYS(accept(now, NULL, NULL));
	SYS(send(only, "bye", 3, 0));
	close(only);
	wl_ready();
	wl_wait();
	is_named(dot, 0, "./dot.sock", "dot");
	is_named(up, 0, "../up.sock", "up");
	is_named(link, 0, "link/deep/../linked.sock", "linked");
	is_named(whole, 0, longest, "the longest name");
	is_named(renamed, 0, "before.sock", "renamed");
	is_named(gone, 0, "dir/gone.sock", "gone");
	is_named(old, 0, "twice.sock", "the first of two");
	is_named(now, 0, "twice.sock", "the second of two");
	is_named(quiet, 0, "quiet.sock", "quiet");
	reaches("dot.sock", dot, "dot");
	reaches("dir/up.sock", up, "up");
	reaches("dir/linked.sock", link, "linked");
	reaches(longest, whole, "whole");
	reaches("after.sock", renamed, "renamed");
	reaches("twice.sock", now, "now");
	CHECK(access("before.sock", F_OK) < 0 && access("dir/gone.sock", F_OK) < 0 && access("unlinked.sock", F_OK) < 0,
	      "a name came back");
	SYS(lstat("twice.sock", &st));
	CHECK(st.st_mode == (S_IFSOCK | 01640) && st.st_uid == 12 && st.st_gid == 34, "file: %o %u %u", st.st_mode, st.st_uid, st.st_gid);
	SYS(lstat("server.sock", &st));
	CHECK(S_ISSOCK(st.st_mode), "the file of the server that closed");
	SYS(listen(quiet, 1));
	reaches("quiet.sock", quiet, "quiet");
	is_named(s1, 0, "server.sock", "accepted");
	is_named(s1, 1, "client.sock", "client of it");
	is_named(c1, 0, "client.sock", "client");
	is_named(c1, 1, "server.sock", "server of it");
	is_named(s2, 0, "unlinked.sock", "accepted, unlinked");
	is_named(c2, 1, "unlinked.sock", "server, unlinked");
	talks(c1, s1, "first connection");
	talks(c2, s2, "second connection");
	is_named(c3, 0, "left.sock", "left");
	is_named(c3, 1, "twice.sock", "a closed peer");
	is_named(s3, 1, "leaver.sock", "a closed client");
	CHECK(recv(c3, here, 1, 0) == 0, "no end of what was closed");
	CHECK(recv(s3, here, 8, 0) == 3 && recv(s3, here, 1, 0) == 0, "what the closed client sent");
	SYS(lstat("leaver.sock", &st));
	CHECK((d = opendir(".")) != NULL, "opendir");
	for (struct dirent *e; (e = readdir(d)) != NULL;)
		CHECK(strncmp(e->d_name, ".crit", 5), "%s is left", e->d_name);
	wl_ok();
}
