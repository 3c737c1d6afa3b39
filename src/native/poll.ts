import { sysRaw } from './sys.js';

/** struct pollfd, bytes */
const POLLFD_BYTES = 8;

/** poll(2) of one descriptor. @returns what has happened, 0 after `timeoutMs`; -errno */
export function pollFd(fd: number, events: number, timeoutMs: number): number {
  const poll = new DataView(new ArrayBuffer(POLLFD_BYTES));
  poll.setInt32(0, fd, true);
  poll.setInt16(4, events, true);
  const limit = BigInt64Array.of(BigInt(Math.floor(timeoutMs / 1000)), BigInt(timeoutMs % 1000) * 1_000_000n);
  const ready = sysRaw('ppoll', poll.buffer, 1, limit, null, 0);
  return ready > 0 ? poll.getInt16(6, true) : ready;
}
