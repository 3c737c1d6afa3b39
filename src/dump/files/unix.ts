import { FdTypes, type FileEntry, type UnixSkEntry } from '../../image/generated/messages.js';
import { POLLERR, SCM_RIGHTS, SOCK_DGRAM, TCP_CLOSE, TCP_ESTABLISHED, TCP_LISTEN } from '../../kernel/uapi/socket.js';
import { ERRNO } from '../../kernel/uapi/errno.js';
import { NAMESPACES } from '../../image/namespaces.js';
import type { UnixSocket } from '../../kernel/netlink/unix-diag.js';
import type { Description } from './description.js';
import type { MakesEntries } from './kind.js';
import type { Files } from './files.js';
import { PairMakers, socketOwner } from './peer-credentials.js';
import { socketOptions } from './socket-options.js';
import { peekQueue, pollSocket } from './socket-queue.js';
import { readUnixSockets } from './unix-sockets.js';
import { unsupported } from './unsupported.js';

const SHUT_BOTH = 3;

/** unix(7): socket pairs of all types, and sockets that are neither bound nor connected. */
export const unix: MakesEntries = {
  type: FdTypes.UNIXSK,
  make: (files) => {
    /** All sockets as of the moment the first one was met: the tree stands, its sockets do not change. */
    let list: Map<number, UnixSocket> | undefined;
    /** Those of the tree, by inode number. */
    const mine = new Map<number, Description>();
    const makers = new PairMakers(files.ctx);
    return (file) => {
      const sockets = (list ??= readUnixSockets());
      const socket = sockets.get(Number(file.stat.ino & 0xffffffffn));
      if (!socket) throw unsupported(file, 'a unix socket of another network namespace');
      mine.set(socket.ino, file);
      refuse(file, socket);
      files.whenKnown(() => {
        checkPeer(file, socket, sockets, mine);
      });
      const { opts, error, peer } = files.use(file, (fd) => ({
        opts: socketOptions(file, fd),
        error: pendingError(file, socket, fd),
        peer: makers.credentials(fd),
      }));
      files.whenListed(() => {
        if (dumpQueue(file, socket, files)) opts.so_inq = true;
      });
      if (opts.so_passcred && socket.receiveQueue)
        throw unsupported(file, 'a unix socket with credentials in its queue (SO_PASSCRED)');
      const usk: UnixSkEntry = {
        id: file.id,
        ino: socket.ino,
        type: socket.type,
        state: socket.state,
        flags: file.info.flags,
        uflags: 0,
        backlog: socket.sendQueue,
        peer: socket.peer ?? 0,
        fown: file.owner,
        opts,
        name: socket.name,
        ns_id: NAMESPACES.net.host,
      };
      if (socket.shutdown) usk.shutdown = socket.shutdown;
      if (error) usk.error = error;
      return { usk: { ...usk, ...peer, ...socketOwner(file.stat) } };
    };
  },
  order: peersFirst,
};

function refuse(file: Description, socket: UnixSocket): void {
  if (socket.name.length > 0) {
    const name = Buffer.from(socket.name).toString('latin1').replace(/\0$/, '').replaceAll('\0', '@');
    throw unsupported(file, `a unix socket with a name (${name})`);
  }
  if (socket.state === TCP_LISTEN) throw unsupported(file, 'a listening unix socket');
}

function checkPeer(
  file: Description,
  socket: UnixSocket,
  list: ReadonlyMap<number, UnixSocket>,
  mine: ReadonlyMap<number, Description>,
): void {
  if (!socket.peer) {
    if (socket.state === TCP_ESTABLISHED && socket.type !== SOCK_DGRAM && socket.shutdown !== SHUT_BOTH)
      throw unsupported(file, 'a unix connection that waits to be accepted');
    return;
  }
  const peer = list.get(socket.peer);
  if (!mine.has(socket.peer))
    throw unsupported(file, `a unix socket that is connected to a process outside the tree (inode ${socket.peer})`);
  if (peer?.peer !== socket.ino) throw unsupported(file, 'a unix socket that is connected one way');
}

/**
 * The error that the next call is told: asking for it (SO_ERROR) would take it away. There is one alone that unix sockets
 * get, for the messages that a peer had not read.
 */
function pendingError(file: Description, socket: UnixSocket, own: number): number {
  if ((pollSocket(own) & POLLERR) === 0) return 0;
  if (socket.peer !== 0 || socket.type === SOCK_DGRAM) throw unsupported(file, 'a unix socket with a pending error');
  return ERRNO.ECONNRESET;
}

/** @returns whether its messages come with how much is left to read (SO_INQ) */
function dumpQueue(file: Description, socket: UnixSocket, files: Files): boolean {
  // It never was connected: nothing came, and asking is an error.
  if (socket.state === TCP_CLOSE && socket.type !== SOCK_DGRAM) return false;
  const queue = files.use(file, (own) => peekQueue(file, socket, own, (fd) => files.inFlight(file, fd)));
  for (const { data, rights } of queue.messages)
    files.put('SK_QUEUES', {
      message: {
        id_for: file.id,
        length: data.length,
        ...(rights.length && { scm: [{ type: SCM_RIGHTS, rights }] }),
      },
      extra: data,
    });
  return queue.tellsRest === true;
}

/**
 * The order of CRIU in files.img: a socket comes behind its peer. CRIU's restore makes a pair for the one that it meets
 * first, and fails where that one has several descriptors.
 */
function peersFirst(files: readonly FileEntry[]): FileEntry[] {
  const ordered: FileEntry[] = [];
  const waiting = new Map<number, FileEntry>();
  const inos = new Set(files.map(({ usk }) => usk?.ino));
  const written = new Set<number>();
  for (const file of files) {
    const { usk } = file;
    if (usk?.peer && inos.has(usk.peer) && !written.has(usk.peer) && !waiting.has(usk.ino)) {
      waiting.set(usk.peer, file);
      continue;
    }
    ordered.push(file);
    if (!usk) continue;
    written.add(usk.ino);
    const behind = waiting.get(usk.ino);
    if (!behind) continue;
    waiting.delete(usk.ino);
    ordered.push(behind);
    written.add(behind.usk!.ino);
  }
  return [...ordered, ...waiting.values()];
}
