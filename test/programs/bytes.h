// Bytes that can be told by their place and a seed, and files of them.
#ifndef BYTES_H
#define BYTES_H
#include "wl.h"

static UNUSED char byte_at(long i, int seed) { return (char)(i * 31 + (i >> 8) * 7 + seed); }
static UNUSED void fill(char *p, long n, int seed) { for (long i = 0; i < n; i++) p[i] = byte_at(i, seed); }
static UNUSED int same(const char *p, long n, int seed) { for (long i = 0; i < n; i++) if (p[i] != byte_at(i, seed)) return 0; return 1; }

static UNUSED int make(const char *name, long n, int seed)
{
	int fd = SYS(open(name, O_RDWR | O_CREAT | O_TRUNC, 0644));
	char *p = malloc(n + 1);
	fill(p, n, seed);
	CHECK(write(fd, p, n) == n, "write");
	free(p);
	return fd;
}
#endif
