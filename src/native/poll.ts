import { sysRaw } from './sys.js';

/** struct pollfd. */
export function pollfd(fd: number, events: number): Uint8Array {
  const poll = new DataView(new ArrayBuffer(8));
  poll.setInt32(0, fd, true);
  poll.setInt16(4, events, true);
  return new Uint8Array(poll.buffer);
}

/** poll(2) of one descriptor. @returns what has happened, 0 after `timeoutMs`; -errno */
export function pollFd(fd: number, events: number, timeoutMs: number): number {
  const poll = pollfd(fd, events);
  const limit = BigInt64Array.of(BigInt(Math.floor(timeoutMs / 1000)), BigInt(timeoutMs % 1000) * 1_000_000n);
  const ready = sysRaw('ppoll', poll, 1, limit, null, 0);
  return ready > 0 ? new DataView(poll.buffer).getInt16(6, true) : ready;
}
