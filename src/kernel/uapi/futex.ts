// linux/futex.h: operations.
export const FUTEX_WAIT = 0;
export const FUTEX_WAKE = 1;
export const FUTEX_WAKE_OP = 5;
export const FUTEX_WAIT_BITSET = 9;

// Or-ed to the operation.
export const FUTEX_PRIVATE_FLAG = 128;

// The futex word of robust and PI futexes.
export const FUTEX_OWNER_DIED = 0x40000000;
