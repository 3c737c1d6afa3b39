import { closeSync, readFileSync, readSync } from 'node:fs';
import { AT_FDCWD, O_CLOEXEC, O_NONBLOCK, O_RDONLY, SEEK_SET } from '../kernel/uapi/open-flags.js';
import { POLLIN } from '../kernel/uapi/socket.js';
import { pollFd } from '../native/poll.js';
import { cString, sys } from '../native/sys.js';

/** A message of /dev/kmsg with what belongs to it (linux/printk.h: PRINTK_MESSAGE_MAX is 2048). */
const MESSAGE_BYTES = 8192;
/** More than a log holds. */
const MOST_MESSAGES = 1 << 22;

/** The start of the machine that messages are numbered from. */
export const bootId = (): string => readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim();

/** Whether there is a message to be read, or one was lost before it was. */
export const hasMessages = (fd: number): boolean => (pollFd(fd, POLLIN, 0) & POLLIN) !== 0;

/** "priority,number,time,flags;text" (Documentation/ABI/testing/dev-kmsg); undefined where the message is gone. */
function readMessage(fd: number, room: Buffer): bigint | undefined {
  try {
    const n = readSync(fd, room, 0, room.length, null);
    const number = /^\d+,(\d+),/.exec(room.toString('latin1', 0, n))?.[1];
    return number === undefined ? undefined : BigInt(number);
  } catch {
    return undefined;
  }
}

function withLog<T>(work: (fd: number, room: Buffer) => T): T {
  const fd = sys('openat', AT_FDCWD, cString('/dev/kmsg'), O_RDONLY | O_NONBLOCK | O_CLOEXEC, 0);
  try {
    return work(fd, Buffer.alloc(MESSAGE_BYTES));
  } finally {
    closeSync(fd);
  }
}

/** The number that the next message of the kernel's log gets. @throws SysError */
export const nextMessage = (): bigint =>
  withLog((fd, room) => {
    let next = 0n;
    for (let i = 0; i < MOST_MESSAGES && hasMessages(fd); i++) {
      const number = readMessage(fd, room);
      if (number !== undefined) next = number + 1n;
    }
    return next;
  });

/** Reads a descriptor of /dev/kmsg until a message is the next one. @throws SysError */
export function readLogUpTo(fd: number, next: bigint): void {
  withLog((own, room) => {
    const first = hasMessages(own) ? readMessage(own, room) : undefined;
    sys('lseek', fd, 0, SEEK_SET);
    if (first === undefined) return;
    for (let at = first; at < next && hasMessages(fd); at++) at = readMessage(fd, room) ?? at;
  });
}
