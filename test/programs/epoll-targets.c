/*
 * State: an epoll whose targets have numbers that were closed or mean another file
 * by now, and one of a child's table.
 * Verify: the list of targets, and who makes it fire.
 */
#include "wl.h"
#include <sys/epoll.h>

static int tfds(int ep, char *out)
{
	char path[64], line[256];
	int n = 0;
	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", ep);
	FILE *f = fopen(path, "r");
	char all[16][64];
	while (fgets(line, sizeof(line), f)) {
		int tfd;
		unsigned events;
		unsigned long long data;
		if (sscanf(line, "tfd: %d events: %x data: %llx", &tfd, &events, &data) == 3)
			snprintf(all[n++], 64, "%d/%x/%llx ", tfd, events, data);
	}
	fclose(f);
	qsort(all, n, 64, (int (*)(const void *, const void *))strcmp);
	out[0] = 0;
	for (int i = 0; i < n; i++)
		strcat(out, all[i]);
	return n;
}

static void add(int ep, int fd, uint64_t data)
{
	struct epoll_event event = { .events = EPOLLIN, .data.u64 = data };
	SYS(epoll_ctl(ep, EPOLL_CTL_ADD, fd, &event));
}

static int fires(int ep, uint64_t data)
{
	struct epoll_event events[16];
	int n = SYS(epoll_wait(ep, events, 16, 0));
	for (int i = 0; i < n; i++)
		if (events[i].data.u64 == data)
			return 1;
	return 0;
}

int main(void)
{
	int a[2], b[2], ep, up[2], kept;
	char before[1024], after[1024], c;
	pid_t child;

	wl_init();
	SYS(pipe(a));
	SYS(pipe(b));
	SYS(pipe(up));
	ep = SYS(epoll_create1(0));
	add(ep, a[0], 1);
	kept = SYS(dup(a[0]));
	SYS(dup2(b[0], a[0])); // its number means the other pipe now, and is added again
	add(ep, a[0], 2);
	int closed = SYS(dup2(b[0], 60));
	add(ep, closed, 3);
	close(closed);
	if (!(child = SYS(fork()))) {
		int mine[2];
		SYS(pipe(mine)); // in no table but this one
		SYS(dup2(mine[0], 70));
		add(ep, 70, 4);
		SYS(write(up[1], "x", 1));
		wl_wait();
		SYS(write(mine[1], "m", 1));
		SYS(write(up[1], "y", 1));
		wl_go = 0;
		wl_wait();
		_exit(0);
	}
	SYS(read(up[0], &c, 1));
	CHECK(tfds(ep, before) == 4, "setup: %s", before);
	wl_ready();
	wl_wait();
	tfds(ep, after);
	CHECK(!strcmp(before, after), "targets were %s, are %s", before, after);
	CHECK(!fires(ep, 1) && !fires(ep, 2) && !fires(ep, 3) && !fires(ep, 4), "fires without reason");
	SYS(write(a[1], "a", 1));
	CHECK(fires(ep, 1) && !fires(ep, 2), "first pipe");
	SYS(write(b[1], "b", 1));
	CHECK(fires(ep, 2) && fires(ep, 3), "second pipe");
	CHECK(read(kept, &c, 1) == 1 && c == 'a', "the first pipe is not what it was");
	CHECK(fcntl(60, F_GETFD) < 0, "a lent number stayed open");
	SYS(kill(child, SIGUSR1));
	SYS(read(up[0], &c, 1));
	CHECK(fires(ep, 4), "the child's pipe");
	wl_child_verify(child);
	wl_ok();
}
