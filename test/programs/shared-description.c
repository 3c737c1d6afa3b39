/*
 * State: an open file that two children of one parent share, though neither inherited
 * it from the parent: one sent it to the other.
 * Verify: the position that one sets is the other's.
 */
#include "wl.h"
#include "bytes.h"
#include <sys/socket.h>

static void send_fd(int socket, int fd)
{
	char c = 0, control[CMSG_SPACE(sizeof(int))] = {};
	struct iovec iov = { &c, 1 };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control) };
	struct cmsghdr *h = CMSG_FIRSTHDR(&m);
	h->cmsg_level = SOL_SOCKET;
	h->cmsg_type = SCM_RIGHTS;
	h->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(h), &fd, sizeof(int));
	SYS(sendmsg(socket, &m, 0));
}

static int receive_fd(int socket)
{
	char c, control[CMSG_SPACE(sizeof(int))];
	struct iovec iov = { &c, 1 };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control) };
	int fd;
	SYS(recvmsg(socket, &m, 0));
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&m)), sizeof(int));
	return fd;
}

int main(void)
{
	int pair[2], up[2];
	pid_t a, b;
	char c;

	wl_init();
	SYS(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	SYS(pipe(up));
	close(make("shared", 100, 1));
	if (!(a = SYS(fork()))) {
		int fd = SYS(open("shared", O_RDONLY));
		send_fd(pair[0], fd);
		SYS(write(up[1], "a", 1));
		wl_wait();
		CHECK(lseek(fd, 0, SEEK_CUR) == 33, "position %ld", (long)lseek(fd, 0, SEEK_CUR));
		_exit(0);
	}
	if (!(b = SYS(fork()))) {
		int fd = SYS(dup2(receive_fd(pair[1]), 77));
		SYS(write(up[1], "b", 1));
		wl_wait();
		SYS(lseek(fd, 33, SEEK_SET));
		_exit(0);
	}
	for (int i = 0; i < 2; i++)
		SYS(read(up[0], &c, 1));
	wl_ready();
	wl_wait();
	wl_child_verify(b);
	wl_child_verify(a);
	wl_ok();
}
