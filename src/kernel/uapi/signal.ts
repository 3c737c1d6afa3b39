/** asm/signal.h: the signals that do not queue. */
export const SIGNALS = {
  SIGHUP: 1,
  SIGINT: 2,
  SIGQUIT: 3,
  SIGILL: 4,
  SIGTRAP: 5,
  SIGABRT: 6,
  SIGBUS: 7,
  SIGFPE: 8,
  SIGKILL: 9,
  SIGUSR1: 10,
  SIGSEGV: 11,
  SIGUSR2: 12,
  SIGPIPE: 13,
  SIGALRM: 14,
  SIGTERM: 15,
  SIGSTKFLT: 16,
  SIGCHLD: 17,
  SIGCONT: 18,
  SIGSTOP: 19,
  SIGTSTP: 20,
  SIGTTIN: 21,
  SIGTTOU: 22,
  SIGURG: 23,
  SIGXCPU: 24,
  SIGXFSZ: 25,
  SIGVTALRM: 26,
  SIGPROF: 27,
  SIGWINCH: 28,
  SIGIO: 29,
  SIGPWR: 30,
  SIGSYS: 31,
} as const;

export type SignalName = keyof typeof SIGNALS;

export const {
  SIGHUP,
  SIGINT,
  SIGQUIT,
  SIGILL,
  SIGTRAP,
  SIGABRT,
  SIGBUS,
  SIGFPE,
  SIGKILL,
  SIGUSR1,
  SIGSEGV,
  SIGUSR2,
  SIGPIPE,
  SIGALRM,
  SIGTERM,
  SIGSTKFLT,
  SIGCHLD,
  SIGCONT,
  SIGSTOP,
  SIGTSTP,
  SIGTTIN,
  SIGTTOU,
  SIGURG,
  SIGXCPU,
  SIGXFSZ,
  SIGVTALRM,
  SIGPROF,
  SIGWINCH,
  SIGIO,
  SIGPWR,
  SIGSYS,
} = SIGNALS;

// asm-generic/signal-defs.h, asm/signal.h: sa_flags.
export const SA_NOCLDSTOP = 1;
export const SA_NOCLDWAIT = 2;
export const SA_SIGINFO = 4;
export const SA_UNSUPPORTED = 0x400;
export const SA_EXPOSE_TAGBITS = 0x800;
export const SA_RESTORER = 0x4000000;
export const SA_ONSTACK = 0x8000000;
export const SA_RESTART = 0x10000000;
export const SA_NODEFER = 0x40000000;
export const SA_RESETHAND = 0x80000000;

// Handlers that are no addresses.
export const SIG_DFL = 0;
export const SIG_IGN = 1;

// sigprocmask(2).
export const SIG_BLOCK = 0;
export const SIG_UNBLOCK = 1;
export const SIG_SETMASK = 2;

// sigaltstack(2): ss_flags.
export const SS_ONSTACK = 1;
export const SS_DISABLE = 2;
export const SS_AUTODISARM = 0x80000000;

// asm-generic/siginfo.h: si_code of any signal. From userland only negative codes (and, for oneself, any) can be queued.
export const SI_TIMER = -2;

/** asm-generic/siginfo.h, siginfo_t on 64 bits: offsets in bytes. Which of the union is meant follows from si_code. */
export const SIGINFO = {
  signo: 0,
  errno: 4,
  code: 8,
  /** kill, queue and SIGCHLD */
  pid: 16,
  uid: 20,
  /** SIGCHLD */
  status: 24,
  utime: 32,
  stime: 40,
  /** SI_QUEUE, SI_TIMER: a u64 (sival_ptr) whose low half is sival_int */
  value: 24,
  /** SI_TIMER */
  timerid: 16,
  overrun: 20,
  sysPrivate: 32,
  /** faults */
  addr: 16,
  addrLsb: 24,
  lower: 32,
  upper: 40,
  pkey: 32,
  /** SIGPOLL */
  band: 16,
  fd: 24,
  /** SIGSYS */
  callAddr: 16,
  syscall: 24,
  arch: 28,
} as const;

export const SIGINFO_BYTES = 128;

/** asm/signal.h, struct sigaction as rt_sigaction(2) takes it on x86_64: four u64, offsets in bytes. */
export const SIGACTION = { handler: 0, flags: 8, restorer: 16, mask: 24 } as const;

export const SIGACTION_BYTES = 32;

/** asm/signal.h, stack_t: offsets in bytes; flags are 32 bits. */
export const SIGALTSTACK = { sp: 0, flags: 8, size: 16 } as const;

export const SIGALTSTACK_BYTES = 24;

/** sizeof(sigset_t) of the kernel: the last argument of rt_sigprocmask(2) and its like. */
export const SIGSET_BYTES = 8;

/** Signals are 1 .. 64; from SIGRTMIN on they queue. */
export const NSIG = 64;
export const SIGRTMIN = 32;

/** The signals whose action can be changed (sigaction(2)); images have the actions in this order. */
export const ACTION_SIGNALS: readonly number[] = Array.from({ length: NSIG }, (_, i) => i + 1).filter(
  (signal) => signal !== SIGNALS.SIGKILL && signal !== SIGNALS.SIGSTOP,
);

const NAMES = new Map<number, string>(Object.entries(SIGNALS).map(([name, number]) => [number, name]));

/** "SIGKILL", "SIGRTMIN+3"; a number that is none as "signal 99". */
export function signalName(signal: number): string {
  if (signal > SIGRTMIN && signal <= NSIG) return `SIGRTMIN+${signal - SIGRTMIN}`;
  return NAMES.get(signal) ?? (signal === SIGRTMIN ? 'SIGRTMIN' : `signal ${signal}`);
}

/** The number of "SIGKILL", "KILL", "SIGRTMIN+3" or "9". */
export function signalNumber(text: string): number | undefined {
  const name = text.toUpperCase();
  if (/^\d+$/.test(name)) return Number(name) >= 1 && Number(name) <= NSIG ? Number(name) : undefined;
  const full = name.startsWith('SIG') ? name : `SIG${name}`;
  if (full in SIGNALS) return SIGNALS[full as SignalName];
  const realtime = /^SIGRTMIN(?:\+(\d{1,2}))?$/.exec(full);
  const number = realtime ? SIGRTMIN + Number(realtime[1] ?? 0) : 0;
  return number >= SIGRTMIN && number <= NSIG ? number : undefined;
}

/** The bit of a signal in a mask. */
export function signalBit(signal: number): bigint {
  return 1n << BigInt(signal - 1);
}

/** The signals of a mask, ascending. */
export function signalsOf(mask: bigint): number[] {
  const signals: number[] = [];
  for (let signal = 1; signal <= NSIG; signal++) if (mask & signalBit(signal)) signals.push(signal);
  return signals;
}
