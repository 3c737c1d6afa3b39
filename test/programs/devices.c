/*
 * State: descriptors of devices that keep nothing: loop-control, hwrng,
 * urandom; of the kernel's log one that only writes, and with an argument
 * one that has read everything (until others write there).
 * Verify: they are the devices that they were; what is written is read.
 */
#include "wl.h"
#include <sys/stat.h>
#include <sys/sysmacros.h>

static const char *const paths[] = { "/dev/loop-control", "/dev/hwrng", "/dev/urandom", "/dev/null" };

int main(int argc, char **argv)
{
	int fds[4], log, out;
	dev_t devs[4];
	struct stat st;
	char buf[8192], *text;
	ssize_t n;

	(void)argv;
	wl_init();
	for (int i = 0; i < 4; i++) {
		fds[i] = open(paths[i], O_RDONLY | O_CLOEXEC);
		if (fds[i] < 0)
			continue;
		SYS(fstat(fds[i], &st));
		devs[i] = st.st_rdev;
	}
	log = argc > 1 ? SYS(open("/dev/kmsg", O_RDONLY | O_NONBLOCK)) : -1;
	out = SYS(open("/dev/kmsg", O_WRONLY));
	/* that of others goes on */
	while (argc > 1 && read(log, buf, sizeof(buf)) > 0)
		;
	wl_ready();
	wl_wait();
	for (int i = 0; i < 4; i++) {
		if (fds[i] < 0)
			continue;
		SYS(fstat(fds[i], &st));
		CHECK(S_ISCHR(st.st_mode) && st.st_rdev == devs[i], "%s is %u:%u", paths[i], major(st.st_rdev),
		      minor(st.st_rdev));
	}
	SYS(write(out, "<7>crit: a test\n", 16));
	if (log < 0)
		wl_ok();
	for (int i = 0; i < 1000; i++) {
		n = SYS(read(log, buf, sizeof(buf) - 1));
		buf[n] = 0;
		text = strchr(buf, ';');
		CHECK(text, "a message: %s", buf);
		if (!strncmp(text + 1, "crit: a test", 12)) {
			/* all before it came while the program was dumped */
			CHECK(i < 100, "%d messages came before it", i);
			wl_ok();
		}
	}
	CHECK(0, "the message is not there");
}
