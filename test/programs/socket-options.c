/*
 * State: unix socket pairs of all types with every option of SOL_SOCKET that can be
 * set, and with filters, one of them locked.
 * Verify: every option; what was sent before a filter is there, what comes after it is filtered.
 */
#include "wl.h"
#include "look-at-sockets.h"
#include <linux/net_tstamp.h>
#include <sys/time.h>

// What there is in newer kernels than the headers.
static void set(int s, int option, int value, int may_be_missing)
{
	if (setsockopt(s, SOL_SOCKET, option, &value, sizeof(value)) < 0 &&
	    !(may_be_missing && (errno == ENOPROTOOPT || errno == EOPNOTSUPP || errno == EINVAL)))
		wl_fail("setup: option %d: %s", option, strerror(errno));
}

static struct sock_filter drop_all[] = { { BPF_RET | BPF_K, 0, 0, 0 } };
static struct sock_filter by_first[] = {
	{ BPF_LD | BPF_B | BPF_ABS, 0, 0, 0 },
	{ BPF_JMP | BPF_JEQ | BPF_K, 0, 1, 'y' },
	{ BPF_RET | BPF_K, 0, 0, 0xfffffff0 },
	{ BPF_RET | BPF_K, 0, 0, 0 },
};

static void attach(int s, struct sock_filter *code, int n)
{
	struct sock_fprog program = { n, code };
	SYS(setsockopt(s, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)));
}

static int options[3][2], filtered[2], picky[2], stamped[2];

static void set_options(void)
{
	int types[] = { SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET };
	for (int t = 0; t < 3; t++) {
		int *s = options[t];
		struct linger linger = { 1, 7 };
		struct timeval send = { 3, 500000 }, receive = { 86400, 4000 };
		uint64_t rate = 5000000000ull;
		struct { int32_t clock; uint32_t flags; } txtime = { CLOCK_MONOTONIC, 2 };
		struct { int32_t flags, clock; } stamping = { SOF_TIMESTAMPING_SOFTWARE | SOF_TIMESTAMPING_RX_SOFTWARE, 0 };
		pair(types[t], s);
		int ones[] = { SO_DEBUG, SO_REUSEADDR, SO_DONTROUTE, SO_BROADCAST, SO_KEEPALIVE, SO_OOBINLINE, SO_NO_CHECK, SO_PASSCRED };
		for (unsigned i = 0; i < sizeof(ones) / sizeof(*ones); i++)
			set(s[0], ones[i], 1, 0);
		int newer[] = { 34, 40, 41, 43, 45, 69, 75, 76, 82 };
		for (unsigned i = 0; i < sizeof(newer) / sizeof(*newer); i++)
			set(s[0], newer[i], 1, 1);
		set(s[0], SO_SNDBUF, 54321, 0);
		set(s[0], SO_RCVBUF, 12346, 0);
		set(s[0], SO_PRIORITY, 5 + t, 0);
		set(s[0], SO_MARK, -3 - t, 0);
		set(s[0], SO_RCVLOWAT, 11, 0);
		set(s[0], SO_BUSY_POLL, 31, 1);
		set(s[0], SO_INCOMING_CPU, 1, 1);
		set(s[0], 62, 1, 0); // SO_BINDTOIFINDEX: lo
		set(s[1], SO_PEEK_OFF, 4 + t, 0);
		set(s[1], 83, 0, 1); // SO_PASSRIGHTS
		set(s[1], 72, 1 + t, 0); // SO_BUF_LOCK
		SYS(setsockopt(s[0], SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)));
		SYS(setsockopt(s[0], SOL_SOCKET, SO_SNDTIMEO, &send, sizeof(send)));
		SYS(setsockopt(s[0], SOL_SOCKET, SO_RCVTIMEO, &receive, sizeof(receive)));
		SYS(setsockopt(s[0], SOL_SOCKET, SO_MAX_PACING_RATE, &rate, sizeof(rate)));
		SYS(setsockopt(s[0], SOL_SOCKET, 61, &txtime, sizeof(txtime)));
		int stamps[] = { 29, 35, 63 };
		set(s[0], stamps[t], 1, 0);
		SYS(setsockopt(s[1], SOL_SOCKET, t == 1 ? 65 : 37, &stamping, sizeof(stamping)));
		if (t == 2)
			set(s[1], 64, 1, 0);
		SYS(fcntl(s[0], F_SETOWN, getpid()));
	}
	pair(SOCK_DGRAM, stamped);
	set(stamped[0], 29, 1, 0);
	// the filter stands behind what was sent before it
	pair(SOCK_DGRAM, filtered);
	attach(filtered[1], drop_all, 1);
	pair(SOCK_DGRAM, picky);
	SYS(write(picky[0], "no, but before", 14));
	attach(picky[1], by_first, 4);
	set(picky[1], SO_LOCK_FILTER, 1, 0);
}

static void check_filters(void)
{
	char c[32];
	SYS(write(filtered[0], "x", 1));
	CHECK(read(filtered[1], c, sizeof(c)) < 0 && errno == EAGAIN, "the filter that drops everything is gone");
	CHECK(read(picky[1], c, sizeof(c)) == 14, "what was sent before the filter is gone");
	SYS(write(picky[0], "no", 2));
	SYS(write(picky[0], "yes", 3));
	int n = read(picky[1], c, sizeof(c));
	CHECK(n == 3 && c[0] == 'y', "the filter gives %d bytes of %.2s: %s", n, c, strerror(errno));
	struct sock_fprog program = { 1, drop_all };
	CHECK(setsockopt(picky[1], SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) < 0 && errno == EPERM, "the filter is not locked");
}

int main(void)
{
	signal(SIGPIPE, SIG_IGN);
	wl_init();
	SYS((long)syscall(SYS_setgroups, 0, NULL));
	set_options();
	look_at_all();
	wl_ready();
	wl_wait();
	compare_all();
	check_filters();
	wl_ok();
}
