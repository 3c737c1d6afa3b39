import {
  CMSGHDR,
  MSGHDR,
  MSGHDR_BYTES,
  SCM_CREDENTIALS,
  SCM_MAX_FD,
  SCM_PIDFD,
  SCM_RIGHTS,
  SOCKADDR_BYTES,
  SOL_SOCKET,
  UCRED,
  UCRED_BYTES,
} from '../kernel/uapi/socket.js';
import { addon } from './addon.js';
import { sysRaw } from './sys.js';

const INT_BYTES = 4;
const IOVEC_BYTES = 16;
/** As many descriptors as one message can carry, and room for what else there is (credentials, a pidfd, a label). */
const CONTROL_BYTES = 2048;

const cmsgSpace = (dataBytes: number) => CMSGHDR.data + ((dataBytes + 7) & ~7);

/** Who sent a message: the number and ids that SCM_CREDENTIALS tells. */
export interface Sender {
  readonly pid: number;
  readonly uid: number;
  readonly gid: number;
}

const NAME = MSGHDR_BYTES + 2 * IOVEC_BYTES;

/** struct msghdr, its iovecs, room for an address and its control messages, in one buffer. */
function header(
  data: Uint8Array,
  controlBytes: number,
  broken: boolean,
): { view: DataView<ArrayBuffer>; control: number } {
  const control = NAME + SOCKADDR_BYTES;
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

/** What goes with a message besides its bytes. */
export interface Sent {
  /** SCM_RIGHTS, at most SCM_MAX_FD. */
  readonly fds?: readonly number[];
  /** SCM_CREDENTIALS: the process must be there. */
  readonly sender?: Sender | undefined;
  /** An address of another socket than the one it is connected to. */
  readonly to?: Uint8Array | undefined;
}

/** A struct msghdr for sendmsg(2). It holds addresses of `data`, which must live as long. */
export function messageHeader(data: Uint8Array, { fds = [], sender, to }: Sent): ArrayBuffer {
  if (fds.length > SCM_MAX_FD) throw new RangeError(`${fds.length} descriptors do not fit a message`);
  const rightsBytes = fds.length ? cmsgSpace(fds.length * INT_BYTES) : 0;
  const { view, control } = header(data, rightsBytes + (sender ? cmsgSpace(UCRED_BYTES) : 0), false);
  const begin = (at: number, type: number, dataBytes: number) => {
    view.setBigUint64(at + CMSGHDR.len, BigInt(CMSGHDR.data + dataBytes), true);
    view.setInt32(at + CMSGHDR.level, SOL_SOCKET, true);
    view.setInt32(at + CMSGHDR.type, type, true);
    return at + CMSGHDR.data;
  };
  if (fds.length) {
    const at = begin(control, SCM_RIGHTS, fds.length * INT_BYTES);
    fds.forEach((fd, i) => {
      view.setInt32(at + i * INT_BYTES, fd, true);
    });
  }
  if (sender) {
    const at = begin(control + rightsBytes, SCM_CREDENTIALS, UCRED_BYTES);
    view.setInt32(at + UCRED.pid, sender.pid, true);
    view.setUint32(at + UCRED.uid, sender.uid, true);
    view.setUint32(at + UCRED.gid, sender.gid, true);
  }
  if (to) {
    new Uint8Array(view.buffer).set(to, NAME);
    view.setBigUint64(MSGHDR.name, addon().addressOf(view.buffer) + BigInt(NAME), true);
    view.setUint32(MSGHDR.namelen, to.length, true);
  }
  return view.buffer;
}

/** sendmsg(2) by crit itself. @returns bytes, or -errno */
export function sendMessage(socket: number, data: Uint8Array, sent: Sent, flags: number): number {
  return sysRaw('sendmsg', socket, messageHeader(data, sent), flags);
}

/** What recvmsg(2) told. */
export interface Received {
  /** Bytes, or -errno. */
  readonly result: number;
  /** MSG_* */
  readonly flags: number;
  /** crit's own from now on: the caller closes them. */
  readonly fds: readonly number[];
  /** The address of the sender; empty where there is none. */
  readonly from: Uint8Array;
  readonly sender: Sender | undefined;
  /** Of the sender, crit's own as well. */
  readonly pidfd: number | undefined;
  /** Types of the control messages besides these; those of other levels count as -1. */
  readonly others: readonly number[];
}

/**
 * recvmsg(2) by crit itself: data goes into `room`.
 * @param broken the byte behind the room cannot be written: of a stream, pieces come as long as they fit whole
 */
export function receiveMessage(socket: number, room: Uint8Array, flags: number, broken = false): Received {
  const { view, control } = header(room, CONTROL_BYTES, broken);
  view.setBigUint64(MSGHDR.name, addon().addressOf(view.buffer) + BigInt(NAME), true);
  view.setUint32(MSGHDR.namelen, SOCKADDR_BYTES, true);
  const result = sysRaw('recvmsg', socket, view.buffer, flags);
  const none = new Uint8Array(0);
  if (result < 0) return { result, flags: 0, fds: [], from: none, sender: undefined, pidfd: undefined, others: [] };
  const end = control + Number(view.getBigUint64(MSGHDR.controllen, true));
  const fds: number[] = [];
  const others: number[] = [];
  let sender: Sender | undefined;
  let pidfd: number | undefined;
  for (let at = control; at + CMSGHDR.data <= end;) {
    const bytes = Number(view.getBigUint64(at + CMSGHDR.len, true)) - CMSGHDR.data;
    const data = at + CMSGHDR.data;
    const type = view.getInt32(at + CMSGHDR.level, true) === SOL_SOCKET ? view.getInt32(at + CMSGHDR.type, true) : -1;
    if (type === SCM_RIGHTS) for (let i = 0; i < bytes >> 2; i++) fds.push(view.getInt32(data + i * INT_BYTES, true));
    else if (type === SCM_PIDFD) pidfd = view.getInt32(data, true);
    else if (type === SCM_CREDENTIALS)
      sender = {
        pid: view.getInt32(data + UCRED.pid, true),
        uid: view.getUint32(data + UCRED.uid, true),
        gid: view.getUint32(data + UCRED.gid, true),
      };
    else others.push(type);
    at += cmsgSpace(bytes);
  }
  const from = new Uint8Array(
    view.buffer,
    NAME,
    Math.min(SOCKADDR_BYTES, view.getUint32(MSGHDR.namelen, true)),
  ).slice();
  return { result, flags: view.getUint32(MSGHDR.flags, true), fds, from, sender, pidfd, others };
}
