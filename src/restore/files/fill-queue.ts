import { closeSync } from 'node:fs';
import { CritError } from '../../image/errors.js';
import type { UnixSkEntry } from '../../image/generated/messages.js';
import { errnoWords } from '../../kernel/uapi/errno.js';
import { MSG_DONTWAIT, MSG_NOSIGNAL, SO_SNDBUFFORCE, SOCK_STREAM, SOL_SOCKET } from '../../kernel/uapi/socket.js';
import { sendMessage } from '../../native/message.js';
import { sys } from '../../native/sys.js';
import type { Queued } from './file-images.js';
import type { Files } from './group.js';

/** The most that SO_SNDBUFFORCE takes: the kernel doubles it. */
const LARGEST_BUFFER = 0x3fffffff;
/** A stream is written in pieces of this size, so that one allocation in the kernel does not get too large. */
const PIECE_BYTES = 32 << 10;

/** Sends what a unix socket had received, through its peer. */
export function fillQueue(
  files: Files,
  queue: readonly Queued[] | undefined,
  peerSlot: number,
  usk: UnixSkEntry,
): void {
  if (!queue) return;
  const fd = files.take(peerSlot);
  try {
    sys('setsockopt', fd, SOL_SOCKET, SO_SNDBUFFORCE, Int32Array.of(LARGEST_BUFFER), 4);
    const stream = usk.type === SOCK_STREAM;
    for (const { data, rights } of queue) {
      // what descriptors came with was one piece
      const piece = stream && rights.length === 0 ? PIECE_BYTES : data.length;
      let at = 0;
      do {
        const bytes = data.subarray(at, at + piece);
        const n = send(files, fd, bytes, rights);
        if (n !== bytes.length)
          throw new CritError(
            `unix socket ${usk.ino} does not take the ${data.length} bytes of its queue: ${errnoWords(-n)}`,
            { code: 'SOCKET_DATA' },
          );
        at += n;
      } while (at < data.length);
    }
  } finally {
    closeSync(fd);
  }
}

function send(files: Files, socket: number, bytes: Uint8Array, rights: readonly number[]): number {
  const fds: number[] = [];
  try {
    for (const id of rights) fds.push(files.take(files.slot(id)));
    return sendMessage(socket, bytes, fds, MSG_DONTWAIT | MSG_NOSIGNAL);
  } finally {
    for (const fd of fds) closeSync(fd);
  }
}
