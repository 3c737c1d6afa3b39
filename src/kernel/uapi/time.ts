// linux/time.h: clocks.
export const CLOCK_REALTIME = 0;
export const CLOCK_MONOTONIC = 1;
export const CLOCK_PROCESS_CPUTIME_ID = 2;
export const CLOCK_THREAD_CPUTIME_ID = 3;
export const CLOCK_MONOTONIC_RAW = 4;
export const CLOCK_REALTIME_COARSE = 5;
export const CLOCK_MONOTONIC_COARSE = 6;
export const CLOCK_BOOTTIME = 7;
export const CLOCK_REALTIME_ALARM = 8;
export const CLOCK_BOOTTIME_ALARM = 9;
export const CLOCK_TAI = 11;

// clock_nanosleep(2), timer_settime(2).
export const TIMER_ABSTIME = 1;

// linux/timerfd.h.
export const TFD_TIMER_ABSTIME = 1;
export const TFD_TIMER_CANCEL_ON_SET = 2;

// setitimer(2).
export const ITIMER_REAL = 0;
export const ITIMER_VIRTUAL = 1;
export const ITIMER_PROF = 2;

// asm-generic/siginfo.h: sigev_notify.
export const SIGEV_SIGNAL = 0;
export const SIGEV_NONE = 1;
export const SIGEV_THREAD = 2;
export const SIGEV_THREAD_ID = 4;

/** struct itimerspec (seconds, nanoseconds) and struct itimerval (seconds, microseconds): four s64, offsets in bytes. */
export const ITIMERSPEC = { intervalSec: 0, intervalFraction: 8, valueSec: 16, valueFraction: 24 } as const;

export const ITIMERSPEC_BYTES = 32;

/** struct timespec: two s64, offsets in bytes. */
export const TIMESPEC = { sec: 0, nsec: 8 } as const;

export const TIMESPEC_BYTES = 16;

/** struct sigevent: offsets in bytes; the value is a u64, the rest 32 bits. */
export const SIGEVENT = { value: 0, signo: 8, notify: 12, threadId: 16 } as const;

export const SIGEVENT_BYTES = 64;
