/*
 * State: netlink sockets: one in a high group and with every option, without
 * a port; one of type SOCK_DGRAM that is connected to a port and a group, with
 * a filter and another owner; one connected to the kernel.
 * Verify: groups, options, types, peers, owner.
 */
#include "wl.h"
#include <linux/filter.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>
#include <sys/stat.h>

static const int options[] = { NETLINK_PKTINFO, NETLINK_BROADCAST_ERROR, NETLINK_NO_ENOBUFS, NETLINK_LISTEN_ALL_NSID,
			       NETLINK_CAP_ACK, NETLINK_EXT_ACK, NETLINK_GET_STRICT_CHK };
#define COUNT (sizeof(options) / sizeof(*options))

static int in_group(int s, unsigned int group)
{
	unsigned int words[16] = { 0 };
	socklen_t l = sizeof(words);

	SYS(getsockopt(s, SOL_NETLINK, NETLINK_LIST_MEMBERSHIPS, words, &l));
	return words[(group - 1) / 32] >> ((group - 1) % 32) & 1;
}

static int option(int s, int level, int name)
{
	socklen_t l = sizeof(int);
	int v = -1;

	SYS(getsockopt(s, level, name, &v, &l));
	return v;
}

static struct sockaddr_nl name(int s, int (*call)(int, __SOCKADDR_ARG, socklen_t *))
{
	struct sockaddr_nl a;
	socklen_t l = sizeof(a);

	SYS(call(s, (void *)&a, &l));
	return a;
}

int main(void)
{
	struct sockaddr_nl to = { .nl_family = AF_NETLINK, .nl_pid = 424242, .nl_groups = 4 }, n;
	struct sock_filter code[] = { { BPF_RET | BPF_K, 0, 0, 0xffff }, { BPF_RET | BPF_K, 0, 0, 1 } };
	struct sock_fprog filter = { 2, code };
	int rich, sends, kernel, other, v = 1, group = RTNLGRP_STATS;
	unsigned int port;
	struct stat st;

	wl_init();
	rich = SYS(socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE));
	for (unsigned int i = 0; i < COUNT; i++)
		SYS(setsockopt(rich, SOL_NETLINK, options[i], &v, sizeof(v)));
	SYS(setsockopt(rich, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof(group)));
	v = 300000;
	SYS(setsockopt(rich, SOL_SOCKET, SO_RCVBUFFORCE, &v, sizeof(v)));
	sends = SYS(socket(AF_NETLINK, SOCK_DGRAM, NETLINK_USERSOCK));
	SYS(setsockopt(sends, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof(filter)));
	v = 1;
	SYS(setsockopt(sends, SOL_SOCKET, SO_LOCK_FILTER, &v, sizeof(v)));
	SYS(connect(sends, (void *)&to, sizeof(to)));
	SYS(fchown(sends, 1, 2));
	SYS(fchmod(sends, 0600));
	port = name(sends, getsockname).nl_pid;
	kernel = SYS(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_USERSOCK));
	n = (struct sockaddr_nl){ .nl_family = AF_NETLINK };
	SYS(connect(kernel, (void *)&n, sizeof(n)));
	wl_ready();
	wl_wait();
	CHECK(in_group(rich, RTNLGRP_STATS) && !in_group(rich, RTNLGRP_LINK) && name(rich, getsockname).nl_pid == 0, "groups");
	for (unsigned int i = 0; i < COUNT; i++)
		CHECK(option(rich, SOL_NETLINK, options[i]) == 1, "option %d", options[i]);
	CHECK(option(rich, SOL_SOCKET, SO_RCVBUF) == 600000, "buffer %d", option(rich, SOL_SOCKET, SO_RCVBUF));
	n = name(sends, getpeername);
	CHECK(n.nl_pid == 424242 && n.nl_groups == 4, "connected to port %u groups %#x", n.nl_pid, n.nl_groups);
	CHECK(name(sends, getsockname).nl_pid == port, "port %u", name(sends, getsockname).nl_pid);
	CHECK(option(sends, SOL_SOCKET, SO_TYPE) == SOCK_DGRAM, "type");
	CHECK(option(sends, SOL_SOCKET, SO_LOCK_FILTER) == 1, "lock of the filter");
	memset(code, 0, sizeof(code));
	v = 2;
	SYS(getsockopt(sends, SOL_SOCKET, SO_GET_FILTER, code, (socklen_t *)&v));
	CHECK(v == 2 && code[0].k == 0xffff && code[1].k == 1, "filter of %d", v);
	SYS(fstat(sends, &st));
	CHECK(st.st_uid == 1 && st.st_gid == 2 && (st.st_mode & 07777) == 0600, "owner %d:%d %o", st.st_uid, st.st_gid, st.st_mode);
	/* one that is connected hears its peer alone */
	other = SYS(socket(AF_NETLINK, SOCK_RAW, NETLINK_USERSOCK));
	n = (struct sockaddr_nl){ .nl_family = AF_NETLINK, .nl_pid = name(kernel, getsockname).nl_pid };
	CHECK(sendto(other, "x", 1, 0, (void *)&n, sizeof(n)) == -1 && errno == ECONNREFUSED, "it hears others");
	wl_ok();
}
