import { closeSync } from 'node:fs';
import { CritError } from '../../image/errors.js';
import type { FileEntry, UnixSkEntry } from '../../image/generated/messages.js';
import {
  AF_UNIX,
  MSG_DONTWAIT,
  MSG_NOSIGNAL,
  SHUT_RD,
  SO_SNDBUFFORCE,
  SOCK_STREAM,
  SOL_SOCKET,
  TCP_CLOSE,
  TCP_ESTABLISHED,
} from '../../kernel/socket.js';
import type { Batch } from '../../task/batch.js';
import { sendMessage } from '../../native/message.js';
import { sys } from '../../native/sys.js';
import type { Queued } from './file-images.js';
import type { Files, GroupMaker } from './group.js';
import { place, setFlags } from './place.js';
import { setSocketOptions } from './socket-options.js';
import { errnoWords } from '../../kernel/errno.js';

/** The most that SO_SNDBUFFORCE takes: the kernel doubles it. */
const LARGEST_BUFFER = 0x3fffffff;
/** A stream is written in pieces of this size, so that one allocation in the kernel does not get too large. */
const PIECE_BYTES = 32 << 10;

/** A socket pair; `b` is undefined where the other end was closed. */
interface Pair {
  a: FileEntry;
  b: FileEntry | undefined;
  /** Slot of the closed end, which is there until the queue is filled. */
  closed: number | undefined;
}

/** unix(7): socket pairs, and sockets that are neither bound nor connected. */
export const unix: GroupMaker = (files, entries) => {
  const { queues } = files.images;
  const byIno = new Map(entries.map((entry) => [entry.usk!.ino, entry]));
  const pairs: Pair[] = [];
  const single: FileEntry[] = [];
  const paired = new Set<number>();
  for (const entry of entries) {
    const usk = entry.usk!;
    refuse(entry.id, usk);
    files.slot(entry.id);
    if (paired.has(entry.id)) continue;
    const peer = usk.peer ? byIno.get(usk.peer) : undefined;
    if (usk.peer && (peer?.usk!.peer !== usk.ino || peer.usk.type !== usk.type))
      throw new CritError(
        `files.img: file ${entry.id}: unix socket ${usk.ino} is connected to ${usk.peer}, which is not in the images`,
        { code: 'UNSUPPORTED' },
      );
    if (!peer && usk.state === TCP_CLOSE) single.push(entry);
    else {
      pairs.push({ a: entry, b: peer, closed: peer ? undefined : files.reserve() });
      paired.add(entry.id);
      if (peer) paired.add(peer.id);
    }
  }
  const finish = (b: Batch) => {
    for (const entry of entries) {
      const usk = entry.usk!;
      const slot = files.slot(entry.id);
      b.doing(`setting the options of unix socket ${usk.ino}`);
      setSocketOptions(b, slot, usk.opts);
      setFlags(b, slot, usk.flags);
    }
    for (const { closed } of pairs) if (closed !== undefined) b.call('close', closed);
    // a stream that is shut down says so to the other end: then the queues are in already
    for (const { id, usk } of entries)
      if (usk!.shutdown && usk!.peer) b.call('shutdown', files.slot(id), usk!.shutdown - 1 + SHUT_RD);
    b.doing(undefined);
  };
  return {
    open: (b) => {
      for (const { a, b: other, closed } of pairs) {
        b.doing(`making unix socket pair ${a.usk!.ino}`);
        b.reserve(5, 16);
        const pair = b.out(8);
        b.call('socketpair', AF_UNIX, a.usk!.type, 0, pair);
        b.call('dup3', pair.int(0), files.slot(a.id), 0);
        b.call('dup3', pair.int(4), other ? files.slot(other.id) : closed!, 0);
        b.call('close', pair.int(0));
        b.call('close', pair.int(4));
      }
      for (const { id, usk } of single) place(b, b.call('socket', AF_UNIX, usk!.type, 0), files.slot(id));
      b.doing(undefined);
    },
    fill: () => {
      for (const { a, b, closed } of pairs) {
        fillQueue(files, queues.get(a.id), b ? files.slot(b.id) : closed!, a);
        if (b) fillQueue(files, queues.get(b.id), files.slot(a.id), b);
      }
    },
    afterFill: finish,
  };
};

function refuse(id: number, usk: UnixSkEntry): void {
  const no = (what: string) =>
    new CritError(`files.img: file ${id}: unix socket ${usk.ino} ${what}: not supported yet`, { code: 'UNSUPPORTED' });
  if (usk.name.length > 0) throw no('has a name');
  if (usk.state !== TCP_ESTABLISHED && usk.state !== TCP_CLOSE) throw no('listens');
  if (usk.uflags) throw no('is connected to a service or an external socket');
}

/** Sends what a socket had received, through its peer. */
function fillQueue(files: Files, queue: readonly Queued[] | undefined, peerSlot: number, entry: FileEntry): void {
  if (!queue) return;
  const fd = files.take(peerSlot);
  try {
    sys('setsockopt', fd, SOL_SOCKET, SO_SNDBUFFORCE, Int32Array.of(LARGEST_BUFFER), 4);
    const stream = entry.usk!.type === SOCK_STREAM;
    for (const { data, rights } of queue) {
      // what descriptors came with was one piece
      const piece = stream && rights.length === 0 ? PIECE_BYTES : data.length;
      let at = 0;
      do {
        const bytes = data.subarray(at, at + piece);
        const n = send(files, fd, bytes, rights);
        if (n !== bytes.length)
          throw new CritError(
            `unix socket ${entry.usk!.ino} does not take the ${data.length} bytes of its queue: ${errnoWords(-n)}`,
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
