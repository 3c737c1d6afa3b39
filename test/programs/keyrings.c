/*
 * State: a session keyring with a name, which a process without privileges has, too; one of another session, without a name;
 * the user's own in a process that left that of its parent;
 * one that was revoked; keyrings of a process and of a thread; where requested keys go.
 * Verify: names, owners, who shares a session keyring, which keyrings there are, places of requested keys.
 */
#include "wl.h"
#include <linux/keyctl.h>
#include <pthread.h>

static char name[64];

static long key(int operation, long a, long b, long c)
{
	return syscall(SYS_keyctl, operation, a, b, c, 0L);
}

static long id_of(int keyring)
{
	return key(KEYCTL_GET_KEYRING_ID, keyring, 0, 0);
}

/* Type, owner and name of the session keyring; what lies between them differs. */
static void is_session(const char *wanted, int uid)
{
	char said[256] = "", owner[32], *last;
	long length = key(KEYCTL_DESCRIBE, KEY_SPEC_SESSION_KEYRING, (long)said, sizeof(said));

	CHECK(length > 0, "describe: %s", strerror(errno));
	last = strrchr(said, ';') + 1;
	CHECK(!strcmp(last, wanted), "session keyring is %s, not %s", said, wanted);
	snprintf(owner, sizeof(owner), "keyring;%d;", uid);
	CHECK(!strncmp(said, owner, strlen(owner)), "session keyring is %s, not of %d", said, uid);
}

static void goes_to(long wanted)
{
	long place = key(KEYCTL_SET_REQKEY_KEYRING, KEY_REQKEY_DEFL_NO_CHANGE, 0, 0);

	CHECK(place == wanted, "requested keys go to %ld, not %ld", place, wanted);
}

static int told[2];
static struct wl_gate gate;

/* The parent's session keyring, as another user. */
static void other_user(void)
{
	long id;

	SYS(setgid(1234));
	SYS(setuid(1234));
	is_session(name, 0);
	wl_gate_done(&gate);
	wl_wait();
	is_session(name, 0);
	id = id_of(KEY_SPEC_SESSION_KEYRING);
	SYS(write(told[1], &id, sizeof(id)));
}

static void own_session(void)
{
	SYS(setuid(1234));
	SYS(key(KEYCTL_JOIN_SESSION_KEYRING, 0, 0, 0));
	SYS(key(KEYCTL_SET_REQKEY_KEYRING, KEY_REQKEY_DEFL_USER_KEYRING, 0, 0));
	wl_gate_done(&gate);
	wl_wait();
	is_session("_ses", 1234);
	goes_to(KEY_REQKEY_DEFL_USER_KEYRING);
}

static void users_session(void)
{
	SYS(setuid(1234));
	SYS(id_of(KEY_SPEC_USER_SESSION_KEYRING));
	SYS(key(KEYCTL_JOIN_SESSION_KEYRING, (long)"_uid_ses.1234", 0, 0));
	wl_gate_done(&gate);
	wl_wait();
	is_session("_uid_ses.1234", 1234);
	CHECK(id_of(KEY_SPEC_SESSION_KEYRING) == id_of(KEY_SPEC_USER_SESSION_KEYRING), "the user has two");
}

static void ended_session(void)
{
	SYS(key(KEYCTL_JOIN_SESSION_KEYRING, 0, 0, 0));
	SYS(key(KEYCTL_REVOKE, KEY_SPEC_SESSION_KEYRING, 0, 0));
	wl_gate_done(&gate);
	wl_wait();
	CHECK(id_of(KEY_SPEC_SESSION_KEYRING) == -1 && errno == EKEYREVOKED, "it is not revoked: %s", strerror(errno));
}

static pthread_barrier_t both;

static void *thread(void *unused)
{
	SYS(key(KEYCTL_GET_KEYRING_ID, KEY_SPEC_THREAD_KEYRING, 1, 0));
	SYS(key(KEYCTL_SET_REQKEY_KEYRING, KEY_REQKEY_DEFL_THREAD_KEYRING, 0, 0));
	pthread_barrier_wait(&both);
	pthread_barrier_wait(&both);
	SYS(id_of(KEY_SPEC_THREAD_KEYRING));
	goes_to(KEY_REQKEY_DEFL_THREAD_KEYRING);
	is_session(name, 0);
	return unused;
}

static pid_t child(void (*run)(void))
{
	pid_t pid = SYS(fork());

	if (pid == 0) {
		run();
		_exit(0);
	}
	return pid;
}

int main(void)
{
	pthread_t other;
	pid_t children[4];
	long id, theirs;

	wl_init();
	snprintf(name, sizeof(name), "crit-test-%d", getpid());
	SYS(pipe(told));
	wl_gate_open(&gate);
	SYS(key(KEYCTL_JOIN_SESSION_KEYRING, (long)name, 0, 0));
	children[0] = child(other_user);
	children[1] = child(own_session);
	children[2] = child(users_session);
	children[3] = child(ended_session);
	SYS(key(KEYCTL_GET_KEYRING_ID, KEY_SPEC_PROCESS_KEYRING, 1, 0));
	SYS(key(KEYCTL_SET_REQKEY_KEYRING, KEY_REQKEY_DEFL_PROCESS_KEYRING, 0, 0));
	pthread_barrier_init(&both, 0, 2);
	CHECK(!pthread_create(&other, 0, thread, 0), "pthread_create");
	pthread_barrier_wait(&both);
	wl_gate_wait(&gate, 4);
	wl_ready();
	wl_wait();
	is_session(name, 0);
	SYS(id_of(KEY_SPEC_PROCESS_KEYRING));
	CHECK(id_of(KEY_SPEC_THREAD_KEYRING) == -1, "there is a thread keyring");
	goes_to(KEY_REQKEY_DEFL_PROCESS_KEYRING);
	id = id_of(KEY_SPEC_SESSION_KEYRING);
	for (int i = 0; i < 4; i++)
		wl_child_verify(children[i]);
	SYS(read(told[0], &theirs, sizeof(theirs)));
	CHECK(id == theirs, "a child's session keyring is %ld, its parent's %ld", theirs, id);
	pthread_barrier_wait(&both);
	pthread_join(other, 0);
	wl_ok();
	return 0;
}
