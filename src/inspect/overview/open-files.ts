import type { FileEntry, FownEntry } from '../../image/generated/messages.js';
import { FLAG_MAPS } from '../../image/display.js';
import { fileTypeName, fileMessage } from '../../image/file-kinds.js';
import { namesOf } from '../../image/flag-names.js';
import { O_ACCMODE, O_RDWR, O_WRONLY } from '../../kernel/uapi/open-flags.js';
import { signalName, signalsOf } from '../../kernel/uapi/signal.js';
import { FileNames } from '../file-names.js';
import { sockets } from '../sockets.js';
import { terminals } from './terminals.js';
import type { TolerantImages } from '../tolerant-images.js';

/** An open file (open(2), "open file description"), which several descriptors may refer to. */
export interface OpenFile {
  readonly id: number;
  /** REG, PIPE, INETSK, ... */
  readonly kind: string;
  /** In words: a path, "pipe 812 (read end)", "TCP LISTEN 0.0.0.0:80". */
  readonly what: string;
  readonly access: 'r' | 'w' | 'rw';
  /** O_* flags without the access mode. */
  readonly flags: readonly string[];
  /** In bytes; undefined where a file has none. */
  readonly pos: number | undefined;
  readonly sizeBytes: number | undefined;
  /** Type and permissions in octal: 0100644. */
  readonly mode: string | undefined;
  /** Whoever restores brings it. */
  readonly isExternal: boolean;
}

const FLAGS = (FLAG_MAPS['rfile.flags'] ?? []).filter(([, bits]) => (bits & O_ACCMODE) === 0);

export const accessOf = (flags: number): OpenFile['access'] =>
  (flags & O_ACCMODE) === O_WRONLY ? 'w' : (flags & O_ACCMODE) === O_RDWR ? 'rw' : 'r';

/** The open files of a set by their ids. */
export class OpenFiles {
  readonly #images: TolerantImages;
  readonly #names: FileNames;
  readonly #shown = new Map<number, OpenFile | undefined>();
  #sockets: ReadonlyMap<number, string> | undefined;
  #terminals: ReadonlyMap<number, string | undefined> | undefined;
  #memfds: ReadonlyMap<bigint, string> | undefined;

  constructor(images: TolerantImages) {
    this.#images = images;
    this.#names = new FileNames(images);
  }

  /** undefined when files.img does not have it. */
  of(id: number): OpenFile | undefined {
    if (!this.#shown.has(id)) {
      const entry = this.#names.file(id);
      this.#shown.set(id, entry && this.#show(entry));
    }
    return this.#shown.get(id);
  }

  entry(id: number): FileEntry | undefined {
    return this.#names.file(id);
  }

  /** The path of a regular file or directory; undefined when there is none. */
  path(id: number): string | undefined {
    return (
      this.#names.file(id)?.reg?.name ?? (this.#names.path(id) === 'unknown path' ? undefined : this.#names.path(id))
    );
  }

  #show(entry: FileEntry): OpenFile {
    const message = fileMessage(entry) as
      { flags?: number; pos?: bigint; fown?: FownEntry; regf_id?: number } | undefined;
    const reg = entry.reg ?? (message?.regf_id === undefined ? undefined : this.#names.file(message.regf_id)?.reg);
    const flags = message?.flags ?? reg?.flags ?? 0;
    return {
      id: entry.id,
      kind: fileTypeName(entry.type) ?? `type ${entry.type}`,
      what: this.#what(entry, reg?.name),
      access: accessOf(flags),
      flags: namesOf(flags & ~O_ACCMODE, FLAGS),
      pos: message?.pos === undefined ? undefined : Number(message.pos),
      sizeBytes: reg?.size === undefined ? undefined : Number(reg.size),
      mode: reg?.mode === undefined ? undefined : `0${reg.mode.toString(8)}`,
      isExternal: entry.reg?.ext === true || entry.ext !== undefined,
    };
  }

  #what(entry: FileEntry, path: string | undefined): string {
    const { pipe, fifo, efd, epfd, ify, sgfd, tty, ffy, nsf, tunf, tfd, memfd, pidfd, bpf, mqueue, io_uring } = entry;
    if (pipe) return `pipe ${pipe.pipe_id} (${accessOf(pipe.flags) === 'w' ? 'write' : 'read'} end)`;
    if (fifo) return `FIFO ${path ?? fifo.pipe_id}`;
    if (tty) return this.#terminal(tty.tty_info_id) ?? path ?? `terminal ${tty.tty_info_id}`;
    if (path !== undefined) return path;
    if (efd) return `eventfd, count ${efd.counter}`;
    if (epfd) return `epoll, ${epfd.tfd?.length ?? 0} watched`;
    if (ify) return `inotify, ${ify.wd?.length ?? 0} watches`;
    if (ffy) return `fanotify, ${ffy.mark?.length ?? 0} marks`;
    if (sgfd) return `signalfd of ${signalsOf(sgfd.sigmask).map(signalName).join(' ') || 'no signal'}`;
    if (nsf) return `namespace ${nsf.ns_id}`;
    if (tunf) return `tun ${tunf.netdev ?? ''}`.trimEnd();
    if (tfd) return 'timerfd';
    if (memfd) return `memfd:${this.#memfd(BigInt(memfd.inode_id))}`;
    if (pidfd) return pidfd.nspid < 0 ? 'pidfd of a process that has ended' : `pidfd of ${pidfd.nspid}`;
    if (mqueue) return `message queue /${mqueue.name}`;
    if (io_uring) return `io_uring of ${io_uring.sq_entries} entries`;
    if (bpf) return `BPF map ${bpf.map_name}`;
    return this.#socket(entry.id) ?? (fileTypeName(entry.type) ?? `type ${entry.type}`).toLowerCase();
  }

  #terminal(id: number): string | undefined {
    this.#terminals ??= new Map(terminals(this.#images).map(({ id, name }) => [id, name]));
    return this.#terminals.get(id);
  }

  #memfd(inode: bigint): string {
    this.#memfds ??= new Map(Array.from(this.#images.each('MEMFD_INODE'), ({ inode_id, name }) => [inode_id, name]));
    return this.#memfds.get(inode) ?? '?';
  }

  #socket(id: number): string | undefined {
    this.#sockets ??= new Map(
      sockets(this.#images).map(({ id, family, type, protocol, state, local, peer }) => {
        const kind = family.startsWith('INET')
          ? protocol
          : [family, protocol, type].filter((word) => word !== '').join(' ');
        const ends = peer === '' ? local : `${local}${local === '' ? '' : ' '}-> ${peer}`;
        return [id, [kind, state, ends].filter((word) => word !== '').join(' ')];
      }),
    );
    return this.#sockets.get(id);
  }
}
