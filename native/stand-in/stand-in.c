/*
 * A process with the ids of a dumped one and no rights beyond (src/dump/landlock.ts): nothing but a sandbox keeps the dumped
 * one from looking at it. It ends with crit, and has nothing of crit's.
 */
#define _GNU_SOURCE
#include <grp.h>
#include <linux/capability.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* What crit hands over at descriptor 0. */
struct order {
	unsigned uid, gid, crit;
};

int main(void)
{
	struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
	struct __user_cap_data_struct none[2] = {{0}};
	struct order order;

	if (pread(0, &order, sizeof(order), 0) != sizeof(order))
		return 1;
	if (setgroups(0, 0) || setresgid(order.gid, order.gid, order.gid) || setresuid(order.uid, order.uid, order.uid))
		return 1;
	if (syscall(SYS_capset, &header, none))
		return 1;
	/* Changed ids have cleared it. crit may have died before: as long as it is our parent, the signal is to come. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != (int)order.crit)
		return 1;
	prctl(PR_SET_DUMPABLE, 1);
	if (write(1, "", 1) != 1)
		return 1;
	for (int fd = 0; fd < 4; fd++)
		close(fd);
	for (;;)
		pause();
}
