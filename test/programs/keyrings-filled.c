/*
 * State: a keyring of the process with a key.
 * Verify: it is there, and has its payload.
 */
#include "wl.h"
#include <linux/keyctl.h>

int main(void)
{
	char payload[8] = "";
	long key;

	wl_init();
	key = SYS(syscall(SYS_add_key, "user", "crit-test", "secret", 6L, (long)KEY_SPEC_PROCESS_KEYRING));
	wl_ready();
	wl_wait();
	CHECK(syscall(SYS_keyctl, KEYCTL_READ, key, payload, sizeof(payload)) == 6, "read: %s", strerror(errno));
	CHECK(!strcmp(payload, "secret"), "payload is %s", payload);
	wl_ok();
	return 0;
}
