import { FdTypes, type FileEntry, type SkPacketEntry, type UnixSkEntry } from '../../image/generated/messages.js';
import { seenByTask } from '../../image/pid.js';
import { URGENT_BYTE } from '../../image/unix-sockets.js';
import {
  POLLERR,
  SA_FAMILY_BYTES,
  SCM_RIGHTS,
  SOCK_DGRAM,
  SOCK_STREAM,
  TCP_ESTABLISHED,
  UNIX_PATH_MAX,
} from '../../kernel/uapi/socket.js';
import { ERRNO } from '../../kernel/uapi/errno.js';
import { NAMESPACES } from '../../image/namespaces.js';
import type { UnixSocket } from '../../kernel/netlink/unix-diag.js';
import type { Description } from './description.js';
import { warnOfEmpty } from './empty-messages.js';
import type { MakesEntries } from './kind.js';
import type { Files } from './files.js';
import type { Queued } from './peek.js';
import { PairMakers, socketOwner } from './peer-credentials.js';
import { socketOptions } from './socket-options.js';
import { peekQueue, pollSocket } from './socket-queue.js';
import { nameFields, peerName } from './unix-name.js';
import { UnixPeers } from './unix-peers.js';
import { unsupported } from './unsupported.js';

/** unix(7): sockets of all types, with their names, connections and queues. */
export const unix: MakesEntries = {
  type: FdTypes.UNIXSK,
  make: (files) => {
    /** All sockets as of the moment the first one was met: the tree stands, its sockets do not change. */
    let peers: UnixPeers | undefined;
    const makers = new PairMakers(files.ctx);
    return (file) => {
      peers ??= new UnixPeers(files);
      const socket = peers.add(file);
      const { opts, error, peer, name, closed } = files.use(file, (fd) => ({
        opts: socketOptions(file, fd),
        error: pendingError(file, socket, fd),
        peer: makers.credentials(fd),
        name: nameFields(file, socket.name, fd, files.ctx.lookupRoot),
        closed: closedPeer(socket, fd),
      }));
      files.whenListed(() => {
        if (dumpQueue(file, socket, files)) opts.so_inq = true;
      });
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
        name: imageName(socket.name),
        ns_id: NAMESPACES.net.host,
        ...name,
        ...closed,
      };
      if (socket.shutdown) usk.shutdown = socket.shutdown;
      if (error) usk.error = error;
      Object.assign(usk, peer, socketOwner(file.stat));
      files.whenKnown(() => {
        const outside = peers!.resolve(file, socket, usk);
        if (usk.peer_pid && !usk.peer_gone && !outside) makers.warnOfOutsider(usk.peer_pid);
      });
      return { usk };
    };
  },
  order: peersFirst,
};

/** A path has its NUL, as CRIU writes it, but CRIU's restore takes 108 bytes at most. */
const imageName = (name: Uint8Array): Uint8Array => name.subarray(0, UNIX_PATH_MAX);

/** The name of a closed socket that one is still connected to, where the name of either tells how to do that again. */
function closedPeer(socket: UnixSocket, own: number): Pick<UnixSkEntry, 'peer_name'> {
  if (socket.peer || socket.state !== TCP_ESTABLISHED) return {};
  const name = peerName(own);
  if (!name || (name.length === 0 && (socket.type !== SOCK_DGRAM || socket.name.length === 0))) return {};
  return { peer_name: name };
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
  if (socket.state !== TCP_ESTABLISHED && socket.type !== SOCK_DGRAM) return false;
  const queue = files.use(file, (own) => peekQueue(file, socket, own, (fd) => files.inFlight(file, fd)));
  if (socket.type !== SOCK_STREAM) warnOfEmpty(files.ctx, file, queue.messages);
  for (const message of queue.messages)
    files.put('SK_QUEUES', { message: packetEntry(file.id, socket, message), extra: message.data });
  return queue.tellsRest === true;
}

function packetEntry(id: number, socket: UnixSocket, { data, rights, from, sender, urgent }: Queued): SkPacketEntry {
  const entry: SkPacketEntry = { id_for: id, length: data.length };
  if (rights.length) entry.scm = [{ type: SCM_RIGHTS, rights: [...rights] }];
  // others than the peer can have sent what a socket with a name has
  if (from && socket.type === SOCK_DGRAM && socket.name.length > 0) entry.sender = from.subarray(SA_FAMILY_BYTES);
  if (sender) {
    entry.sender_pid = seenByTask(sender.pid);
    if (sender.uid) entry.sender_uid = sender.uid;
    if (sender.gid) entry.sender_gid = sender.gid;
  }
  if (urgent) entry.urgent = data.length > 0 ? URGENT_BYTE.unread : URGENT_BYTE.read;
  return entry;
}

/**
 * The order of CRIU in files.img: a socket comes behind its peer. CRIU's restore makes a pair for the one that it meets
 * first, and fails where that one has several descriptors.
 */
function peersFirst(files: readonly FileEntry[]): FileEntry[] {
  const ordered: FileEntry[] = [];
  /** By the inode of the peer that they wait for. */
  const waiting = new Map<number, FileEntry[]>();
  const inos = new Set(files.map(({ usk }) => usk?.ino));
  const written = new Set<number>();
  for (const file of files) {
    const { usk } = file;
    if (usk?.peer && usk.peer !== usk.ino && inos.has(usk.peer) && !written.has(usk.peer) && !waiting.has(usk.ino)) {
      const others = waiting.get(usk.peer);
      if (others) others.push(file);
      else waiting.set(usk.peer, [file]);
      continue;
    }
    ordered.push(file);
    if (!usk) continue;
    written.add(usk.ino);
    const behind = waiting.get(usk.ino) ?? [];
    waiting.delete(usk.ino);
    for (const one of behind) written.add(one.usk!.ino);
    ordered.push(...behind);
  }
  return [...ordered, ...[...waiting.values()].flat()];
}
