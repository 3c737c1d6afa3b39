import { USK_EXTERNAL } from '../../image/unix-sockets.js';
import { FdTypes, type UnixSkEntry } from '../../image/generated/messages.js';
import { SOCK_DGRAM, TCP_ESTABLISHED, TCP_LISTEN } from '../../kernel/uapi/socket.js';
import type { UnixSocket } from '../../kernel/netlink/unix-diag.js';
import type { Description } from './description.js';
import type { Files } from './files.js';
import { NO_OWNER } from './owner.js';
import { isPath, shownName } from './unix-name.js';
import { readUnixSockets } from './unix-sockets.js';
import { unsupported } from './unsupported.js';

const SHUT_BOTH = 3;

/** Options of a socket that is not in the images. */
const NO_OPTIONS: UnixSkEntry['opts'] = {
  so_sndbuf: 0,
  so_rcvbuf: 0,
  so_snd_tmo_sec: 0n,
  so_snd_tmo_usec: 0n,
  so_rcv_tmo_sec: 0n,
  so_rcv_tmo_usec: 0n,
};

/** Who is connected to whom, among the unix sockets of a tree and of all others. */
export class UnixPeers {
  readonly #files: Files;
  readonly #all: ReadonlyMap<number, UnixSocket>;
  /** Those of the tree, by inode number. */
  readonly #mine = new Set<number>();
  /** Sockets outside that have an entry in files.img. */
  readonly #external = new Set<number>();
  /** The listening socket that a connection waits at. */
  readonly #waitsAt = new Map<number, UnixSocket>();

  constructor(files: Files) {
    this.#files = files;
    this.#all = readUnixSockets();
    for (const socket of this.#all.values()) for (const ino of socket.waiting) this.#waitsAt.set(ino, socket);
  }

  /** A socket of the tree. @throws CritError UNSUPPORTED */
  add(file: Description): UnixSocket {
    const socket = this.#all.get(Number(file.stat.ino & 0xffffffffn));
    if (!socket) throw unsupported(file, 'a unix socket of another network namespace');
    this.#mine.add(socket.ino);
    return socket;
  }

  /**
   * To be called when all sockets of the tree are known: completes the entry of one.
   * @returns whether it is connected to one outside @throws CritError UNSUPPORTED
   */
  resolve(file: Description, socket: UnixSocket, usk: UnixSkEntry): boolean {
    if (socket.state === TCP_LISTEN) this.#listening(file, socket, usk);
    else if (!socket.peer) this.#unaccepted(file, socket, usk);
    else if (!this.#mine.has(socket.peer)) return this.#outside(file, socket, socket.peer);
    else this.#oneWay(file, socket, socket.peer);
    return false;
  }

  #listening(file: Description, { name, waiting }: UnixSocket, usk: UnixSkEntry): void {
    const refuse = (what: string) =>
      unsupported(
        file,
        `a listening unix socket (${shownName(name)}), at which a connection ${what},`,
        'is not supported',
      );
    for (const ino of waiting) {
      if (ino === 0) throw refuse('that was closed again waits to be accepted');
      if (!this.#mine.has(ino)) throw refuse(`of a process outside the tree (inode ${ino}) waits to be accepted`);
    }
    if (waiting.length > 0) usk.waiting = [...waiting];
  }

  #unaccepted(file: Description, socket: UnixSocket, usk: UnixSkEntry): void {
    if (socket.state !== TCP_ESTABLISHED || socket.type === SOCK_DGRAM || socket.shutdown === SHUT_BOTH) return;
    const listening = this.#waitsAt.get(socket.ino);
    if (!listening) throw unsupported(file, 'a unix connection that waits to be accepted');
    const name = shownName(listening.name);
    if (!this.#mine.has(listening.ino))
      throw unsupported(file, `a unix connection that waits to be accepted by a process outside the tree (${name})`);
    if (socket.sendQueue > 0)
      throw unsupported(
        file,
        `a unix connection that has sent data before it was accepted (at ${name})`,
        'is not supported: nobody can read that; dump again when it was accepted',
      );
    usk.peer = listening.ino;
  }

  #oneWay(file: Description, socket: UnixSocket, peer: number): void {
    const other = this.#all.get(peer);
    if (peer === socket.ino || other?.peer === socket.ino || other?.name.length) return;
    throw unsupported(file, 'a unix socket that is connected one way, to one without a name,');
  }

  #outside(file: Description, socket: UnixSocket, peer: number): boolean {
    const { options, log } = this.#files.ctx;
    const name = this.#all.get(peer)?.name ?? new Uint8Array(0);
    const datagram = socket.type === SOCK_DGRAM;
    const named = options.externals.has(`unix[${socket.ino}]`);
    if (!named && !(options.extUnixSk && datagram && name.length > 0)) {
      const whom = name.length > 0 ? shownName(name) : 'a socket without a name';
      throw unsupported(
        file,
        `a unix socket (inode ${socket.ino}) that is connected to ${whom}, outside the tree (inode ${peer}),`,
        `is not dumped: ${howToDump(socket, name)}`,
      );
    }
    if (!named && isPath(name) && name[0] !== SLASH)
      throw unsupported(
        file,
        `a unix socket that is connected outside the tree by a relative name (${shownName(name)})`,
      );
    if (socket.receiveQueue > 0)
      log.warn(
        `${file.where}: unix socket ${socket.ino}: what it has received of ${shownName(name) || 'its peer'} and not read is lost`,
      );
    if (!this.#external.has(peer)) this.#addExternal(peer, name);
    return true;
  }

  /** As CRIU has it, whatever it is. */
  #addExternal(ino: number, name: Uint8Array): void {
    this.#external.add(ino);
    const id = this.#files.newId();
    const usk: UnixSkEntry = {
      id,
      ino,
      type: SOCK_DGRAM,
      state: TCP_LISTEN,
      flags: 0,
      uflags: USK_EXTERNAL,
      backlog: 0,
      peer: 0,
      fown: NO_OWNER,
      opts: NO_OPTIONS,
      name,
    };
    this.#files.add({ type: FdTypes.UNIXSK, id, usk });
  }
}

const SLASH = 0x2f;

/** The options by which a socket that is connected outside goes into the images, for people. */
function howToDump({ ino, type }: UnixSocket, name: Uint8Array): string {
  if (name.length === 0)
    return `--external unix[${ino}] here and --inherit-fd fd[N]:socket:[${ino}] at the restore put another one in its place`;
  if (type === SOCK_DGRAM) return 'with --ext-unix-sk, here and at the restore, it is connected again';
  return `--external unix[${ino}] here and --ext-unix-sk at the restore begin a new connection`;
}
