/*
 * State: a large pipe that is full, one with data and no reader, packets, an end
 * that was opened again with other flags.
 * Verify: all data, the borders of packets, the flags.
 */
#include "wl.h"
#include "bytes.h"

int main(void)
{
	static char buffer[1 << 20];
	char path[64];
	int large[2], writer[2], packets[2], again, n;

	wl_init();
	SYS(pipe(large));
	SYS(fcntl(large[0], F_SETPIPE_SZ, 1 << 20));
	fill(buffer, 1 << 20, 1);
	CHECK(write(large[1], buffer, 1 << 20) == 1 << 20, "setup");
	SYS(pipe(writer));
	SYS(write(writer[1], "found later", 11));
	close(writer[0]);
	SYS(pipe2(packets, O_DIRECT | O_NONBLOCK));
	SYS(write(packets[1], buffer, 4096));
	SYS(write(packets[1], buffer, 1));
	SYS(write(packets[1], buffer, 5000)); // two packets
	snprintf(path, sizeof(path), "/proc/self/fd/%d", large[1]);
	again = SYS(open(path, O_WRONLY | O_NONBLOCK));
	wl_ready();
	wl_wait();
	memset(buffer, 0, sizeof(buffer));
	for (n = 0; n < 1 << 20;) {
		int r = read(large[0], buffer + n, (1 << 20) - n);
		CHECK(r > 0, "large: %d of 1 MiB", n);
		n += r;
	}
	CHECK(same(buffer, 1 << 20, 1), "large: data");
	CHECK(read(packets[0], buffer, 8192) == 4096 && read(packets[0], buffer, 8192) == 1, "packets");
	CHECK(read(packets[0], buffer, 8192) == 4096 && read(packets[0], buffer, 8192) == 904, "cut packet");
	CHECK((fcntl(again, F_GETFL) & (O_ACCMODE | O_NONBLOCK)) == (O_WRONLY | O_NONBLOCK), "flags %#x", fcntl(again, F_GETFL));
	snprintf(path, sizeof(path), "/proc/self/fd/%d", writer[1]);
	int reader = SYS(open(path, O_RDONLY | O_NONBLOCK));
	CHECK(read(reader, buffer, 100) == 11 && !memcmp(buffer, "found later", 11), "data without a reader");
	wl_ok();
}
