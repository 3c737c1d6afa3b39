// asm-generic/fcntl.h: struct flock { short l_type, l_whence; i64 l_start, l_len; i32 l_pid }.
export const FLOCK = { type: 0, whence: 2, start: 8, len: 16, pid: 24 } as const;
export const FLOCK_BYTES = 32;
