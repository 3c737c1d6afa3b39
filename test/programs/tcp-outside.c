// options: --tcp-established
// network: own
/*
 * State: a TCP connection to a process outside the tree, which sends back what comes and writes on meanwhile.
 * Verify: every byte in its order, in both directions.
 */
#include "wl.h"
#include "look-at-inet.h"
#include <poll.h>

/* The other end: writes a count every 5 ms, and says "B" when it gets 'A'. */
static void serve(int s)
{
	uint32_t n = 0;
	char a;

	alarm(600);
	setsid();
	for (int fd = 0; fd < 3; fd++)
		close(fd);
	for (;;) {
		struct pollfd p = { s, POLLIN, 0 };
		if (poll(&p, 1, 5) > 0) {
			if (recv(s, &a, 1, 0) <= 0)
				_exit(0);
			if (a == 'E') {
				uint32_t end = ~0u;
				send(s, &end, 4, 0);
				continue;
			}
		}
		if (send(s, &n, 4, MSG_NOSIGNAL) != 4)
			_exit(1);
		n++;
	}
}

int main(void)
{
	struct sockaddr_in a;
	int listening = bound4(SOCK_STREAM, 0, &a), s, o, pid;
	uint32_t n, next = 0;

	wl_init();
	SYS(listen(listening, 1));
	s = SYS(socket(AF_INET, SOCK_STREAM, 0));
	SYS(connect(s, (void *)&a, sizeof(a)));
	o = SYS(accept(listening, NULL, NULL));
	close(listening);
	if ((pid = SYS(fork())) == 0) {
		close(s);
		if (fork() == 0)
			serve(o);
		_exit(0);
	}
	waitpid(pid, NULL, 0);
	close(o);
	watch(s);
	look_at_all();
	wl_ready();
	wl_wait();
	compare_all();
	SYS(send(s, "E", 1, 0));
	struct timeval limit = { 5, 0 };
	SYS(setsockopt(s, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)));
	for (;; next++) {
		ssize_t got = recv(s, &n, 4, MSG_WAITALL);
		CHECK(got == 4, "%zd bytes behind %u", got, next);
		if (n == ~0u)
			break;
		CHECK(n == next, "%u came for %u", n, next);
	}
	CHECK(next > 20, "only %u", next);
	wl_ok();
}
