// launch: unshare --ipc
/*
 * State: an IPC namespace with what is not usual: objects of another user, ids that are not the first ones, keys with the
 * highest bit, a queue that was made smaller than what is in it, with an empty message and one of the largest type; limits
 * below what is there; the id that comes next; a segment that a child has made, one that is removed and still attached, one
 * that is locked.
 * Verify: all of it, and that new objects are made as before.
 */
#include "wl.h"
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <limits.h>

struct msg { long type; char text[200]; };

static void sysctl_set(const char *name, const char *value)
{
	int fd = SYS(open(name, O_WRONLY));

	SYS(write(fd, value, strlen(value)));
	close(fd);
}

static long sysctl_get(const char *name)
{
	char text[64] = "";
	int fd = SYS(open(name, O_RDONLY));

	SYS(read(fd, text, sizeof(text) - 1));
	close(fd);
	return atol(text);
}

static void check_perm(const char *what, const struct ipc_perm *p, int key, int uid, int cuid, int mode)
{
	CHECK(p->__key == key, "%s: key %x", what, p->__key);
	CHECK((int)p->uid == uid && (int)p->gid == uid + 1, "%s: owner %d %d", what, p->uid, p->gid);
	CHECK((int)p->cuid == cuid && (int)p->cgid == (cuid ? cuid + 1 : 0), "%s: maker %d %d", what, p->cuid, p->cgid);
	CHECK((p->mode & 0777) == mode, "%s: mode %o", what, p->mode);
}

int main(void)
{
	struct msqid_ds mds;
	struct semid_ds sds;
	struct shmid_ds hds;
	struct msg m = { .type = LONG_MAX };
	unsigned short vals[200], now[200];
	int q, q2, s, seg, childs, gone, locked, status;
	char *a, *b, *c;

	wl_init();
	for (int i = 0; i < 3; i++) {
		SYS(msgctl(SYS(msgget(IPC_PRIVATE, 0600)), IPC_RMID, NULL));
		SYS(semctl(SYS(semget(IPC_PRIVATE, 1, 0600)), 0, IPC_RMID));
		SYS(shmctl(SYS(shmget(IPC_PRIVATE, 1, 0600)), IPC_RMID, NULL));
	}
	/* made by another user, then given away */
	SYS(setresgid(-1, 1001, -1));
	SYS(setresuid(-1, 1000, -1));
	q = SYS(msgget((int)0x80000001u, IPC_CREAT | 0620));
	s = SYS(semget((int)0x80000002u, 200, IPC_CREAT | 0604));
	SYS(setresuid(-1, 0, -1));
	SYS(setresgid(-1, 0, -1));
	SYS(msgctl(q, IPC_STAT, &mds));
	mds.msg_perm.uid = 2000;
	mds.msg_perm.gid = 2001;
	SYS(msgctl(q, IPC_SET, &mds));
	SYS(semctl(s, 0, IPC_STAT, &sds));
	sds.sem_perm.uid = 2000;
	sds.sem_perm.gid = 2001;
	SYS(semctl(s, 0, IPC_SET, &sds));
	for (int i = 0; i < 200; i++)
		vals[i] = i * 150;
	SYS(semctl(s, 0, SETALL, vals));

	SYS(msgsnd(q, &m, 0, 0));
	m.type = 7;
	memset(m.text, 'q', sizeof(m.text));
	SYS(msgsnd(q, &m, 200, 0));
	m.type = 8;
	SYS(msgsnd(q, &m, 1, 0));
	mds.msg_qbytes = 10;
	SYS(msgctl(q, IPC_SET, &mds));
	q2 = SYS(msgget(IPC_PRIVATE, 0600));

	seg = SYS(shmget((int)0x80000003u, 12345, IPC_CREAT | 0640));
	a = SYS((char *)shmat(seg, NULL, 0));
	/* behind its end, too: a page is mapped as a whole */
	wl_fill(a, 16384, 5);
	SYS(shmctl(seg, IPC_STAT, &hds));
	hds.shm_perm.uid = 2000;
	hds.shm_perm.gid = 2001;
	SYS(shmctl(seg, IPC_SET, &hds));
	gone = SYS(shmget(IPC_PRIVATE, 4096, 0600));
	b = SYS((char *)shmat(gone, NULL, 0));
	wl_fill(b, 4096, 6);
	SYS(shmctl(gone, IPC_RMID, NULL));
	locked = SYS(shmget(IPC_PRIVATE, 4096, 0600));
	SYS(shmctl(locked, SHM_LOCK, NULL));
	pid_t child = SYS(fork());
	if (child == 0) {
		SYS(setresgid(1001, 1001, 1001));
		SYS(setresuid(1000, 1000, 1000));
		SYS(shmget(0x4004, 8192, IPC_CREAT | 0600));
		_exit(0);
	}
	SYS(waitpid(child, &status, 0));
	childs = SYS(shmget(0x4004, 0, 0));
	c = SYS((char *)shmat(childs, NULL, 0));
	strcpy(c + 5000, "of a child");
	SYS(shmdt(c));

	sysctl_set("/proc/sys/kernel/msgmni", "1");
	sysctl_set("/proc/sys/kernel/msgmax", "250");
	sysctl_set("/proc/sys/kernel/shmmni", "2");
	sysctl_set("/proc/sys/kernel/shmmax", "5000");
	sysctl_set("/proc/sys/kernel/sem", "100 1000 50 60");
	sysctl_set("/proc/sys/kernel/sem_next_id", "1234");
	sysctl_set("/proc/sys/fs/mqueue/msg_max", "17");
	wl_ready();
	wl_wait();

	SYS(msgctl(q, IPC_STAT, &mds));
	check_perm("queue", &mds.msg_perm, (int)0x80000001u, 2000, 1000, 0620);
	CHECK(msgget((int)0x80000001u, 0) == q && q != 0, "id of the queue");
	CHECK(mds.msg_qnum == 3 && mds.msg_qbytes == 10 && mds.__msg_cbytes == 201, "%d messages, %d of %d bytes",
	      (int)mds.msg_qnum, (int)mds.__msg_cbytes, (int)mds.msg_qbytes);
	CHECK(msgrcv(q, &m, 200, 0, IPC_NOWAIT) == 0 && m.type == LONG_MAX, "empty message, type %lx", m.type);
	CHECK(msgrcv(q, &m, 200, 0, IPC_NOWAIT) == 200 && m.type == 7 && m.text[199] == 'q', "long message");
	CHECK(msgrcv(q, &m, 200, 0, IPC_NOWAIT) == 1 && m.type == 8, "short message");
	SYS(msgctl(q2, IPC_STAT, &mds));
	CHECK(msgget(IPC_PRIVATE, 0600) < 0 && errno == ENOSPC, "a third queue");
	SYS(semctl(s, 0, IPC_STAT, &sds));
	check_perm("semaphores", &sds.sem_perm, (int)0x80000002u, 2000, 1000, 0604);
	CHECK(semget((int)0x80000002u, 0, 0) == s && s != 0, "id of the semaphores");
	SYS(semctl(s, 0, GETALL, now));
	CHECK(!memcmp(vals, now, sizeof(vals)), "values");
	SYS(shmctl(seg, IPC_STAT, &hds));
	check_perm("segment", &hds.shm_perm, (int)0x80000003u, 2000, 0, 0640);
	CHECK(hds.shm_segsz == 12345 && hds.shm_cpid == getpid(), "%d bytes by %d", (int)hds.shm_segsz, hds.shm_cpid);
	CHECK(!wl_differs(a, 16384, 5) && !wl_differs(b, 4096, 6), "content");
	SYS(shmctl(gone, IPC_STAT, &hds));
	CHECK(hds.shm_perm.mode & SHM_DEST, "removed segment");
	SYS(shmdt(b));
	CHECK(shmctl(gone, IPC_STAT, &hds) < 0 && errno == EINVAL, "removed segment is there");
	SYS(shmctl(locked, IPC_STAT, &hds));
	CHECK(hds.shm_perm.mode & SHM_LOCKED, "locked segment");
	SYS(shmctl(childs, IPC_STAT, &hds));
	CHECK(hds.shm_cpid == child && hds.shm_perm.cuid == 1000 && hds.shm_perm.cgid == 1001, "made by %d", hds.shm_cpid);
	c = SYS((char *)shmat(childs, NULL, 0));
	CHECK(!strcmp(c + 5000, "of a child"), "content of the child's");
	CHECK(sysctl_get("/proc/sys/kernel/msgmax") == 250 && sysctl_get("/proc/sys/kernel/shmmax") == 5000, "limits");
	CHECK(sysctl_get("/proc/sys/fs/mqueue/msg_max") == 17 && sysctl_get("/proc/sys/kernel/sem") == 100, "limits");
	CHECK(sysctl_get("/proc/sys/kernel/sem_next_id") == 1234, "the next id");
	CHECK(SYS(semget(IPC_PRIVATE, 1, 0600)) == 1234, "an id");
	wl_ok();
}
