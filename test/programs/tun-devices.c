/*
 * State: a TUN device that goes with its descriptor, with addresses, routes,
 * settings, and a socket bound to its address; a TAP device with three queues
 * (one switched off, one with a limit), an owner, offloads and a header; a
 * persistent TAP device; a descriptor that is not attached to any.
 * Verify: what ip(8) and the descriptors tell, a packet routed into the TUN.
 */
#include "wl.h"
#include <arpa/inet.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#define TOLD (1 << 16)

static int dev(const char *name, int flags, int open_flags)
{
	struct ifreq r = { 0 };
	int fd = SYS(open("/dev/net/tun", O_RDWR | open_flags));

	strcpy(r.ifr_name, name);
	r.ifr_flags = flags;
	SYS(ioctl(fd, TUNSETIFF, &r));
	return fd;
}

static void is(int fd, const char *name, int flags)
{
	struct ifreq r = { 0 };

	SYS(ioctl(fd, TUNGETIFF, &r));
	CHECK(!strcmp(r.ifr_name, name), "%s became %s", name, r.ifr_name);
	CHECK((unsigned short)r.ifr_flags == flags, "%s: flags %#x, not %#x", name, r.ifr_flags, flags);
}

static int number(int fd, unsigned long request)
{
	int v = -1;

	SYS(ioctl(fd, request, &v));
	return v;
}

static void tell(char *text)
{
	FILE *f = popen("for d in crtun crtap; do ip -d addr show dev $d; ip -s -d link show dev $d | grep -c mtu;"
			" ip route show table all dev $d; ip -6 route show table all dev $d;"
			" grep -r . /proc/sys/net/ipv[46]/conf/$d /proc/sys/net/ipv[46]/neigh/$d 2>/dev/null; done", "r");
	size_t n;

	CHECK(f, "popen");
	n = fread(text, 1, TOLD - 1, f);
	text[n] = 0;
	CHECK(pclose(f) == 0 || n > 1000, "ip: %zu bytes", n);
}

int main(void)
{
	static char before[TOLD], after[TOLD];
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(99) };
	int tun, tap[3], kept, none, bound, v, seen = 0;
	struct ifreq r = { 0 };
	char buf[2048];
	ssize_t n;

	wl_init();
	tun = dev("crtun", IFF_TUN | IFF_NO_PI, O_NONBLOCK);
	for (int i = 0; i < 3; i++)
		tap[i] = dev("crtap", IFF_TAP | IFF_VNET_HDR | IFF_NO_PI | IFF_MULTI_QUEUE, i == 1 ? O_NONBLOCK : 0);
	kept = dev("crkept", IFF_TAP | IFF_NO_PI, 0);
	SYS(ioctl(kept, TUNSETPERSIST, 1));
	none = SYS(open("/dev/net/tun", O_RDWR));
	v = 12;
	SYS(ioctl(tap[0], TUNSETVNETHDRSZ, &v));
	SYS(ioctl(tap[0], TUNSETOFFLOAD, TUN_F_CSUM | TUN_F_TSO4));
	SYS(ioctl(tap[0], TUNSETOWNER, 1000));
	v = 50000;
	r.ifr_flags = IFF_DETACH_QUEUE;
	SYS(ioctl(tap[2], TUNSETQUEUE, &r));
	SYS(ioctl(tap[0], TUNSETSNDBUF, &v));
	CHECK(system("ip link set lo up && ip link set crtun mtu 1400 txqueuelen 77 alias 'to the other side' up &&"
		     " echo 2 >/proc/sys/net/ipv4/conf/crtun/rp_filter &&"
		     " ip addr add 10.55.0.1/24 dev crtun && ip addr add 10.55.0.2/24 dev crtun &&"
		     " ip addr add 10.56.0.1 peer 10.56.0.9 dev crtun && ip addr add fd55::1/64 dev crtun &&"
		     " ip route add 10.57.0.0/16 via 10.55.0.9 metric 7 && ip route add 10.58.0.0/16 dev crtun table 1234 &&"
		     " ip route add fd57::/32 via fd55::9 && ip route del 10.56.0.9 dev crtun &&"
		     " ip link set crtap address 02:00:00:00:00:05 && ip link set crtap up &&"
		     " ip addr add 10.59.0.1/24 dev crtap && ip -6 addr flush dev crtap && ip -6 addr add fd59::1/64 dev crtap nodad")
		      == 0, "setup: ip");
	bound = SYS(socket(AF_INET, SOCK_DGRAM, 0));
	inet_aton("10.55.0.2", &a.sin_addr);
	SYS(bind(bound, (void *)&a, sizeof(a)));
	/* the kernel works on IPv6 for a moment */
	for (int i = 0; i < 100; i++) {
		tell(before);
		if (!strstr(before, "tentative"))
			break;
		wl_sleep_ms(20);
	}
	wl_ready();
	wl_wait();
	tell(after);
	if (strcmp(before, after)) {
		size_t at = 0;

		while (before[at] == after[at])
			at++;
		while (at && before[at - 1] != '\n')
			at--;
		before[at + strcspn(before + at, "\n")] = 0;
		after[at + strcspn(after + at, "\n")] = 0;
		CHECK(0, "ip tells \"%s\", before \"%s\"", after + at, before + at);
	}
	is(tun, "crtun", IFF_TUN | IFF_NO_PI);
	for (int i = 0; i < 3; i++)
		is(tap[i], "crtap",
		   IFF_TAP | IFF_VNET_HDR | IFF_NO_PI | IFF_MULTI_QUEUE | (i == 2 ? IFF_DETACH_QUEUE : 0));
	is(kept, "crkept", IFF_TAP | IFF_NO_PI | IFF_PERSIST);
	CHECK(ioctl(none, TUNGETIFF, &r) < 0 && errno == EBADFD, "the one without a device has one");
	CHECK(number(tap[1], TUNGETVNETHDRSZ) == 12, "header");
	CHECK(number(tap[1], TUNGETSNDBUF) == 50000 && number(tap[2], TUNGETSNDBUF) == 0x7fffffff, "limits");
	CHECK(fcntl(tap[1], F_GETFL) & O_NONBLOCK && !(fcntl(tap[0], F_GETFL) & O_NONBLOCK), "O_NONBLOCK");
	while (read(tun, buf, sizeof(buf)) > 0)
		;
	inet_aton("10.57.0.7", &a.sin_addr);
	SYS(sendto(bound, "routed", 6, 0, (void *)&a, sizeof(a)));
	while ((n = read(tun, buf, sizeof(buf))) > 0)
		seen |= n == 34 && !memcmp(buf + 28, "routed", 6);
	CHECK(seen, "the packet is not read from the device");
	SYS(ioctl(kept, TUNSETPERSIST, 0));
	wl_ok();
}
