// linux/seccomp.h: modes as PR_GET_SECCOMP and /proc/PID/status say them.
export const SECCOMP_MODE_DISABLED = 0;
export const SECCOMP_MODE_STRICT = 1;
export const SECCOMP_MODE_FILTER = 2;
// seccomp(2).
export const SECCOMP_SET_MODE_FILTER = 1;
export const SECCOMP_FILTER_FLAG_TSYNC = 1;
export const SECCOMP_FILTER_FLAG_LOG = 2;
export const SECCOMP_FILTER_FLAG_SPEC_ALLOW = 4;
// What a filter returns.
export const SECCOMP_RET_ACTION_FULL = 0xffff0000;
export const SECCOMP_RET_USER_NOTIF = 0x7fc00000;
export const SECCOMP_RET_LOG = 0x7ffc0000;
export const SECCOMP_RET_ALLOW = 0x7fff0000;

/** struct seccomp_data. */
export const SECCOMP_DATA = { nr: 0, arch: 4 } as const;
/** struct seccomp_metadata { u64 filter_off, flags }. */
export const SECCOMP_METADATA_BYTES = 16;
/** linux/filter.h: the most instructions of a program. */
export const BPF_MAXINSNS = 4096;
