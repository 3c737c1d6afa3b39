import type { Log } from '../../image/log.js';
import { ERRNO } from '../../kernel/uapi/errno.js';
import { MSG_DONTWAIT, MSG_PEEK, MSG_TRUNC, POLLERR, POLLIN } from '../../kernel/uapi/socket.js';
import { receiveMessage } from '../../native/message.js';
import { SysError } from '../../native/sys.js';
import type { Description } from './description.js';
import { withPeekOffset } from './peek-offset.js';
import { pollSocket } from './socket-queue.js';

const PEEK = MSG_PEEK | MSG_DONTWAIT | MSG_TRUNC;
/** The longest datagram, and what several that the kernel has joined (UDP_GRO) can be together. */
const ROOM_BYTES = 1 << 16;

/** A datagram that nobody has read. */
export interface Datagram {
  readonly data: Uint8Array;
  /** The address of its sender, as recvfrom(2) tells it. */
  readonly from: Uint8Array;
}

/**
 * What a socket of datagrams has received and not read. Nothing is taken out.
 * @param own crit's own descriptor of it
 */
export function peekDatagrams(file: Description, own: number, log: Log): Datagram[] {
  const ready = pollSocket(own);
  if ((ready & POLLIN) === 0) return [];
  const lost = (what: string) => {
    log.warn(`${file.where} (${file.link}): ${what}: they are lost, as datagrams may be`);
    return [];
  };
  // peeking would take the error away
  if (ready & POLLERR) return lost('datagrams behind an error that nobody has asked for');
  return withPeekOffset(file, own, (seek) => {
    const queue: Datagram[] = [];
    const room = new Uint8Array(ROOM_BYTES);
    let told = false;
    for (let offset = 0; ;) {
      seek(offset);
      const { result: n, others, from } = receiveMessage(own, room, PEEK);
      if (n === -ERRNO.EAGAIN) break;
      if (n < 0) throw new SysError('recvmsg', -n, `peeking at ${file.where}`);
      told ||= others.length > 0;
      queue.push({ data: room.slice(0, Math.min(n, room.length)), from: from.slice() });
      offset += n;
    }
    if (told)
      log.warn(
        `${file.where} (${file.link}): what comes with datagrams that nobody has read (times, interfaces, lifetimes) will be that of the restore`,
      );
    return queue;
  });
}
