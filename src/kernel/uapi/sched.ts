// linux/sched.h: policies and flags.
export const SCHED_FIFO = 1;
export const SCHED_RR = 2;
export const SCHED_DEADLINE = 6;
export const SCHED_RESET_ON_FORK = 0x40000000;

// struct sched_attr: sched_flags.
export const SCHED_FLAG_RESET_ON_FORK = 1;

// linux/resource.h: getpriority(2).
export const PRIO_PROCESS = 0;

// linux/ioprio.h.
export const IOPRIO_WHO_PROCESS = 1;
export const IOPRIO_CLASS_SHIFT = 13;

// linux/sched.h (inside the kernel): task flags, field 9 of /proc/PID/stat.
/** A thread of the kernel's that works for an io_uring of the process. */
export const PF_IO_WORKER = 0x10;
/** Forked, and did not execute a program since. */
export const PF_FORKNOEXEC = 0x40;
export const PF_SUPERPRIV = 0x100;
export const PF_KTHREAD = 0x200000;

/** linux/sched/types.h, struct sched_attr (SCHED_ATTR_SIZE_VER1): offsets in bytes. */
export const SCHED_ATTR = {
  size: 0,
  policy: 4,
  flags: 8,
  nice: 16,
  priority: 20,
  runtime: 24,
  deadline: 32,
  period: 40,
  util_min: 48,
  util_max: 52,
} as const;

export const SCHED_ATTR_BYTES = 56;
