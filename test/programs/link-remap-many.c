// options: --link-remap
/*
 * State: 40 mapped files whose opened name was removed while another remains, as glibc's sem_open(3) leaves them; 40
 * mapped deleted files of a deleted directory; no descriptor number is free between those in use; a child has connected
 * to a socket of its parent, which is told its credentials.
 * Verify: each mapping's content and inode, the connection.
 */
#include "wl.h"
#include <sys/socket.h>
#include <sys/un.h>

#define FILES 40
#define LEN 100

static void *linked[FILES], *deleted[FILES];

static void *map(const char *name, uint32_t seed)
{
	int fd = wl_mkfile(name, LEN, seed);
	void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	CHECK(p != MAP_FAILED, "mmap %s: %s", name, strerror(errno));
	close(fd);
	return p;
}

static unsigned long inode_at(void *p)
{
	char line[1024], want[40];
	unsigned long ino = 0;
	FILE *f = fopen("/proc/self/maps", "r");

	snprintf(want, sizeof(want), "%lx-", (unsigned long)p);
	while (fgets(line, sizeof(line), f))
		if (strncmp(line, want, strlen(want)) == 0)
			sscanf(line, "%*s %*s %*s %*s %lu", &ino);
	fclose(f);
	return ino;
}

static void check(void)
{
	struct stat st;
	char name[64];

	for (int i = 0; i < FILES; i++) {
		CHECK(!wl_differs(linked[i], LEN, i), "linked file %d", i);
		CHECK(!wl_differs(deleted[i], LEN, 100 + i), "deleted file %d", i);
		snprintf(name, sizeof(name), "kept.%d", i);
		SYS(stat(name, &st));
		CHECK(st.st_ino == inode_at(linked[i]), "linked file %d is another one", i);
	}
}

int main(void)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX, .sun_path = "socket" };
	struct ucred cred;
	socklen_t len = sizeof(cred);
	char name[64], kept[64];
	int listening, fd;
	pid_t child;

	wl_init();
	for (int i = 0; i < FILES; i++) {
		snprintf(name, sizeof(name), "remap.%d", i);
		snprintf(kept, sizeof(kept), "kept.%d", i);
		linked[i] = map(name, i);
		SYS(link(name, kept));
		SYS(unlink(name));
	}
	SYS(mkdir("gone", 0700));
	for (int i = 0; i < FILES; i++) {
		snprintf(name, sizeof(name), "gone/%d", i);
		deleted[i] = map(name, 100 + i);
		SYS(unlink(name));
	}
	SYS(rmdir("gone"));
	listening = SYS(socket(AF_UNIX, SOCK_STREAM, 0));
	SYS(bind(listening, (void *)&at, sizeof(at)));
	SYS(listen(listening, 5));
	while ((fd = SYS(dup(0))) < 30)
		;
	child = SYS(fork());
	if (child == 0) {
		fd = SYS(socket(AF_UNIX, SOCK_STREAM, 0));
		SYS(connect(fd, (void *)&at, sizeof(at)));
		SYS(write(fd, "here", 4));
		wl_wait();
		check();
		SYS(write(fd, "ends", 4));
		_exit(0);
	}
	fd = SYS(accept(listening, NULL, NULL));
	CHECK(read(fd, name, 4) == 4, "the child's first words");
	wl_ready();
	wl_wait();
	check();
	SYS(getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len));
	CHECK(cred.pid == child, "the peer is process %d, not %d", cred.pid, child);
	wl_child_verify(child);
	CHECK(read(fd, name, 4) == 4 && memcmp(name, "ends", 4) == 0, "the child's last words");
	wl_ok();
}
