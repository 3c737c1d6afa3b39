import { closeSync } from 'node:fs';
import { CMSGHDR, MSGHDR, MSGHDR_BYTES, SCM_MAX_FD, SCM_PIDFD, SCM_RIGHTS, SOL_SOCKET } from '../kernel/uapi/socket.js';
import { addon } from './addon.js';
import { sysRaw } from './sys.js';

const INT_BYTES = 4;
const IOVEC_BYTES = 16;
/** Room for the address of a sender: struct sockaddr_un is the longest. */
const NAME_BYTES = 110;
/** As many descriptors as one message can carry, and room for what else there is (credentials, a pidfd, a label). */
const CONTROL_BYTES = 2048;

const cmsgSpace = (dataBytes: number) => CMSGHDR.data + ((dataBytes + 7) & ~7);

/** struct msghdr, its iovecs and its control messages, in one buffer. */
function header(
  data: Uint8Array,
  controlBytes: number,
  broken: boolean,
): { view: DataView<ArrayBuffer>; control: number } {
  const control = MSGHDR_BYTES + 2 * IOVEC_BYTES;
  const view = new DataView(new ArrayBuffer(control + controlBytes));
  const base = addon().addressOf(view.buffer);
  view.setBigUint64(MSGHDR.iov, base + BigInt(MSGHDR_BYTES), true);
  view.setBigUint64(MSGHDR.iovlen, broken ? 2n : 1n, true);
  view.setBigUint64(MSGHDR_BYTES, data.length ? addon().addressOf(data) : 0n, true);
  view.setBigUint64(MSGHDR_BYTES + 8, BigInt(data.length), true);
  // the second one is a byte at NULL
  view.setBigUint64(MSGHDR_BYTES + IOVEC_BYTES + 8, 1n, true);
  if (controlBytes) view.setBigUint64(MSGHDR.control, base + BigInt(control), true);
  view.setBigUint64(MSGHDR.controllen, BigInt(controlBytes), true);
  return { view, control };
}

/**
 * sendmsg(2) by crit itself, with descriptors (SCM_RIGHTS, at most SCM_MAX_FD).
 * @returns bytes, or -errno
 */
export function sendMessage(socket: number, data: Uint8Array, fds: readonly number[], flags: number): number {
  if (fds.length > SCM_MAX_FD) throw new RangeError(`${fds.length} descriptors do not fit a message`);
  const { view, control } = header(data, fds.length ? cmsgSpace(fds.length * INT_BYTES) : 0, false);
  if (fds.length) {
    view.setBigUint64(control + CMSGHDR.len, BigInt(CMSGHDR.data + fds.length * INT_BYTES), true);
    view.setInt32(control + CMSGHDR.level, SOL_SOCKET, true);
    view.setInt32(control + CMSGHDR.type, SCM_RIGHTS, true);
    fds.forEach((fd, i) => {
      view.setInt32(control + CMSGHDR.data + i * INT_BYTES, fd, true);
    });
  }
  return sysRaw('sendmsg', socket, view.buffer, flags);
}

/** What recvmsg(2) told. */
export interface Received {
  /** Bytes, or -errno. */
  readonly result: number;
  /** MSG_* */
  readonly flags: number;
  /** crit's own from now on: the caller closes them. */
  readonly fds: readonly number[];
  /** Types of the control messages besides descriptors; those of other levels count as -1. */
  readonly others: readonly number[];
  /** The address of the sender; empty where there is none. */
  readonly from: Uint8Array;
}

/**
 * recvmsg(2) by crit itself: data goes into `room`.
 * @param broken the byte behind the room cannot be written: of a stream, pieces come as long as they fit whole
 */
export function receiveMessage(socket: number, room: Uint8Array, flags: number, broken = false): Received {
  const { view, control } = header(room, CONTROL_BYTES, broken);
  const name = new Uint8Array(NAME_BYTES);
  view.setBigUint64(MSGHDR.name, addon().addressOf(name), true);
  view.setUint32(MSGHDR.namelen, NAME_BYTES, true);
  const result = sysRaw('recvmsg', socket, view.buffer, flags);
  if (result < 0) return { result, flags: 0, fds: [], others: [], from: new Uint8Array(0) };
  const end = control + Number(view.getBigUint64(MSGHDR.controllen, true));
  const fds: number[] = [];
  const others: number[] = [];
  for (let at = control; at + CMSGHDR.data <= end;) {
    const bytes = Number(view.getBigUint64(at + CMSGHDR.len, true)) - CMSGHDR.data;
    const type = view.getInt32(at + CMSGHDR.level, true) === SOL_SOCKET ? view.getInt32(at + CMSGHDR.type, true) : -1;
    const ints = bytes >> 2;
    for (let i = 0; i < ints && (type === SCM_RIGHTS || type === SCM_PIDFD); i++) {
      const fd = view.getInt32(at + CMSGHDR.data + i * INT_BYTES, true);
      if (type === SCM_RIGHTS) fds.push(fd);
      else if (fd >= 0) closeSync(fd);
    }
    if (type !== SCM_RIGHTS) others.push(type);
    at += cmsgSpace(bytes);
  }
  const from = name.subarray(0, Math.min(NAME_BYTES, view.getUint32(MSGHDR.namelen, true)));
  return { result, flags: view.getUint32(MSGHDR.flags, true), fds, others, from };
}
