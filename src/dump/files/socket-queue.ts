import {
  MSG_CTRUNC,
  MSG_DONTWAIT,
  MSG_PEEK,
  MSG_TRUNC,
  MSGHDR,
  MSGHDR_BYTES,
  SO_PEEK_OFF,
  SOCK_DGRAM,
  SOCK_STREAM,
  SOL_SOCKET,
} from '../../kernel/socket.js';
import { sysRaw, SysError } from '../../native/sys.js';
import { getOption } from './socket-options.js';
import type { Description } from './description.js';
import { unsupported } from './unsupported.js';

const EAGAIN = 11;
/** poll(2) */
const POLLIN = 1;
/** Messages a batch, and room for each; longer ones come in parts. */
const MESSAGES = 32;
const ROOM_BYTES = 4096;

/** True when there is something to read, or the end. */
function readable(socket: number): boolean {
  const poll = new Int16Array(4);
  new DataView(poll.buffer).setInt32(0, socket, true);
  poll[2] = POLLIN;
  return sysRaw('poll', poll, 1, 0) > 0;
}

/**
 * What a unix socket has received and not read, message by message (a stream is one). Nothing is taken out.
 * @param socket crit's own descriptor of it
 */
export function peekQueue(file: Description, socket: number, type: number, waitingBytes: number): Uint8Array[] {
  if (!readable(socket)) return [];
  // glibc and kernel: an int, -1 when peeking starts at the front
  const peekOff = getOption(socket, SO_PEEK_OFF);
  if (type === SOCK_STREAM && peekOff < 0) return waitingBytes ? [peekStream(file, socket, waitingBytes)] : [];
  const messages = peekInside(file, type, peekOff);
  return type === SOCK_STREAM && messages.length ? [Buffer.concat(messages)] : messages;
}

function peekStream(file: Description, socket: number, sizeBytes: number): Uint8Array {
  const bytes = new Uint8Array(sizeBytes);
  const n = sysRaw('recvfrom', socket, bytes, sizeBytes, MSG_PEEK | MSG_DONTWAIT, null, null);
  if (n < 0) throw new SysError('recvfrom', -n, 'peeking at a unix stream');
  // reading stops at an urgent byte
  if (n !== sizeBytes) throw unsupported(file, 'a unix socket with an urgent byte (MSG_OOB) in its queue');
  return bytes;
}

/**
 * Looks behind the first message by SO_PEEK_OFF, which is state of the socket: it is set and set back within one batch of
 * the task itself, which the task completes whatever happens to crit.
 */
function peekInside(file: Description, type: number, peekOff: number): Uint8Array[] {
  const b = file.task.batch();
  const messages: Uint8Array[] = [];
  let parts: Uint8Array[] = [];
  for (let offset = 0; ;) {
    b.doing(`peeking at messages of descriptor ${file.fd}`);
    b.reserve(MESSAGES + 2, MESSAGES * (ROOM_BYTES + MSGHDR_BYTES + 16 + 32) + 64);
    const start = b.bytes(new Uint8Array(Int32Array.of(offset).buffer));
    const back = b.bytes(new Uint8Array(Int32Array.of(peekOff).buffer));
    b.call('setsockopt', file.fd, SOL_SOCKET, SO_PEEK_OFF, start, 4);
    const tries = Array.from({ length: MESSAGES }, () => {
      const room = b.out(ROOM_BYTES);
      const iov = b.bytes(new Uint8Array(BigUint64Array.of(BigInt(room.address), BigInt(ROOM_BYTES)).buffer));
      const words = new BigUint64Array(MSGHDR_BYTES / 8);
      words[MSGHDR.iov / 8] = BigInt(iov.address);
      words[MSGHDR.iovlen / 8] = 1n;
      const header = b.out(MSGHDR_BYTES, new Uint8Array(words.buffer));
      return { room, header, got: b.tryCall('recvmsg', file.fd, header, MSG_PEEK | MSG_DONTWAIT) };
    });
    b.call('setsockopt', file.fd, SOL_SOCKET, SO_PEEK_OFF, back, 4);
    b.doing(undefined);
    b.run();
    for (const { room, header, got } of tries) {
      const n = got.value;
      if (n === -EAGAIN || (n === 0 && type !== SOCK_DGRAM)) return messages;
      if (n < 0) throw new SysError('recvmsg', -n, `peeking at descriptor ${file.fd} of process ${file.task.pid}`);
      const flags = header.view.getUint32(MSGHDR.flags, true);
      if (flags & MSG_CTRUNC) throw unsupported(file, 'a unix socket with descriptors or credentials in its queue');
      parts.push(room.bytes.slice(0, Math.min(n, ROOM_BYTES)));
      offset += Math.min(n, ROOM_BYTES);
      if (flags & MSG_TRUNC) continue;
      messages.push(parts.length === 1 ? parts[0]! : Buffer.concat(parts));
      parts = [];
    }
  }
}
