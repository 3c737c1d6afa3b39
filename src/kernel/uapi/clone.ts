// linux/sched.h: clone(2), clone3(2), unshare(2), setns(2).
export const CSIGNAL = 0xff;
export const CLONE_NEWTIME = 0x80;
export const CLONE_VM = 0x100;
export const CLONE_FS = 0x200;
export const CLONE_FILES = 0x400;
export const CLONE_SIGHAND = 0x800;
export const CLONE_PIDFD = 0x1000;
export const CLONE_VFORK = 0x4000;
export const CLONE_PARENT = 0x8000;
export const CLONE_THREAD = 0x10000;
export const CLONE_NEWNS = 0x20000;
export const CLONE_SYSVSEM = 0x40000;
export const CLONE_NEWCGROUP = 0x2000000;
export const CLONE_NEWUTS = 0x4000000;
export const CLONE_NEWIPC = 0x8000000;
export const CLONE_NEWUSER = 0x10000000;
export const CLONE_NEWPID = 0x20000000;
export const CLONE_NEWNET = 0x40000000;

// clone3(2) only: beyond 32 bits.
export const CLONE_INTO_CGROUP = 0x200000000n;

// linux/pidfd.h.
export const PIDFD_NONBLOCK = 0o4000;
export const PIDFD_THREAD = 0o200;
/** _IOWR(0xff, 11, struct pidfd_info): the first 64 bytes, as Linux 6.13 has them. */
export const PIDFD_GET_INFO = 0xc040ff0b;
export const PIDFD_INFO_BYTES = 64;
/** struct pidfd_info, by offset in bytes: u64 mask, ..., s32 exit_code. */
export const PIDFD_INFO = { mask: 0, exit_code: 60 } as const;
/** In the mask: how a process that was waited for has ended (Linux 6.15). */
export const PIDFD_INFO_EXIT = 8n;

/** linux/sched.h, struct clone_args (CLONE_ARGS_SIZE_VER2, Linux 5.7): eleven u64, by offset in bytes. */
export const CLONE_ARGS = {
  flags: 0,
  pidfd: 8,
  child_tid: 16,
  parent_tid: 24,
  exit_signal: 32,
  stack: 40,
  stack_size: 48,
  tls: 56,
  /** Address of an array of pid_t (32 bits), innermost pid namespace first; needs CAP_CHECKPOINT_RESTORE. */
  set_tid: 64,
  set_tid_size: 72,
  cgroup: 80,
} as const;

export const CLONE_ARGS_BYTES = 88;
