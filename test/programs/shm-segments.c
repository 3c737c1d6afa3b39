// cleanup: ipcrm -m $(cat shm.id) 2>/dev/null
/*
 * State: segments of System V shared memory: one with a key, attached twice (read-write, read-only) and in a child, with a
 * part detached of its protection; one that was removed while it is attached; a part of one, the rest unmapped; all
 * zeros in the middle.
 * Verify: ids, keys, owners, modes, sizes, makers, contents, attachments, sharing, protections.
 */
#include "wl.h"
#include <sys/ipc.h>
#include <sys/shm.h>

#define KEY (0x7c170000 | (getpid() & 0xffff))

static char *rw, *ro, *gone, *part;
static int shm, removed, third;

static int writable(const void *at)
{
	char line[512], want[32];
	FILE *f = fopen("/proc/self/maps", "r");
	int found = -1;

	snprintf(want, sizeof(want), "%lx-", (unsigned long)at);
	while (fgets(line, sizeof(line), f))
		if (!strncmp(line, want, strlen(want)))
			found = strchr(line, ' ')[2] == 'w';
	fclose(f);
	return found;
}

static void look(const char *who)
{
	CHECK(!wl_differs(rw + 4096, 4096, 1) && wl_is_zero(rw + 8192, 4096), "%s: content", who);
	CHECK(!wl_differs(gone, 8192, 2), "%s: content of the removed one", who);
	CHECK(!wl_differs(part, 4096, 3), "%s: content of a part", who);
	CHECK(writable(rw) == 1 && writable(ro) == 0, "%s: protections %d %d", who, writable(rw), writable(ro));
	CHECK(mprotect(ro, 16384, PROT_READ | PROT_WRITE) < 0 && errno == EACCES, "%s: read-only became writable", who);
}

int main(void)
{
	struct shmid_ds before, ds;
	struct wl_gate g;
	pid_t kid;
	char *whole;
	int file;

	wl_init();
	shm = SYS(shmget(KEY, 16384, IPC_CREAT | IPC_EXCL | 0640));
	/* for who cleans up */
	file = SYS(open("shm.id", O_WRONLY | O_CREAT, 0644));
	dprintf(file, "%d", shm);
	close(file);
	rw = SYS((char *)shmat(shm, NULL, 0));
	ro = SYS((char *)shmat(shm, NULL, SHM_RDONLY));
	wl_fill(rw + 4096, 4096, 1);
	removed = SYS(shmget(IPC_PRIVATE, 8192, IPC_CREAT | 0600));
	gone = SYS((char *)shmat(removed, NULL, 0));
	SYS(shmctl(removed, IPC_RMID, NULL));
	wl_fill(gone, 8192, 2);
	third = SYS(shmget(IPC_PRIVATE, 5 * 4096 - 100, IPC_CREAT | 0600));
	whole = SYS((char *)shmat(third, NULL, 0));
	part = whole + 2 * 4096;
	wl_fill(part, 4096, 3);
	SYS(munmap(whole, 2 * 4096));
	SYS(munmap(part + 4096, 2 * 4096));
	SYS(shmctl(third, IPC_RMID, NULL));
	before.shm_perm.uid = 0;
	SYS(shmctl(shm, IPC_STAT, &before));
	before.shm_perm.uid = before.shm_perm.gid = 65534;
	SYS(shmctl(shm, IPC_SET, &before));
	wl_gate_open(&g);
	kid = SYS(fork());
	if (!kid) {
		SYS(shmdt(ro));
		ro = SYS((char *)shmat(shm, NULL, SHM_RDONLY));
		wl_gate_done(&g);
		wl_wait();
		look("child");
		rw[100] = 'S';
		_exit(0);
	}
	wl_gate_wait(&g, 1);
	/* it goes with the last of the processes that have it, wherever their life ends */
	SYS(shmctl(shm, IPC_STAT, &before));
	wl_ready();
	wl_wait();
	look("parent");
	SYS(shmctl(shm, IPC_STAT, &ds));
	CHECK(ds.shm_perm.__key == (key_t)KEY && ds.shm_segsz == 16384, "key or size");
	CHECK((ds.shm_perm.mode & 0777) == 0640 && ds.shm_perm.uid == 65534 && ds.shm_perm.cuid == before.shm_perm.cuid,
	      "mode or owners");
	CHECK(ds.shm_cpid == before.shm_cpid, "made by %d", ds.shm_cpid);
	CHECK(ds.shm_nattch == before.shm_nattch, "%d mappings, there were %d", (int)ds.shm_nattch, (int)before.shm_nattch);
	SYS(shmctl(removed, IPC_STAT, &ds));
	CHECK(ds.shm_perm.mode & SHM_DEST && ds.shm_segsz == 8192 && ds.shm_nattch == 2, "the removed one");
	SYS(shmctl(third, IPC_STAT, &ds));
	CHECK(ds.shm_segsz == 5 * 4096 - 100, "size of the third");
	wl_child_verify(kid);
	CHECK(ro[100] == 'S', "processes are apart");
	SYS(shmctl(shm, IPC_RMID, NULL));
	wl_ok();
}
