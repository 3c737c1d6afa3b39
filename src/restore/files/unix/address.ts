import { closeSync } from 'node:fs';
import path from 'node:path';
import { imageFileName } from '../../../image/catalogue.js';
import { CritError } from '../../../image/errors.js';
import type { UnixSkEntry } from '../../../image/generated/messages.js';
import { stringOfBytes } from '../../../image/utf8.js';
import { SIOCUNIXFILE, TCP_LISTEN, UNIX_PATH_MAX } from '../../../kernel/uapi/socket.js';
import type { Batch } from '../../../task/batch.js';
import type { Files } from '../group.js';
import { place } from '../place.js';
import { address, bindName, isPath, shown } from './names.js';
import { SocketFile } from './socket-file.js';

/** A name that sockets of the tree have or knew, and the socket that is bound to it. */
export class Address {
  readonly type: number;
  readonly name: Uint8Array;
  /** The slot of the socket. */
  readonly slot: number;
  /** The entry of the socket; undefined where it is there for the restore alone. */
  readonly usk: UnixSkEntry | undefined;
  readonly file: SocketFile | undefined;
  /** Where the socket's file waits, opened with O_PATH. */
  readonly #fileSlot: number;

  constructor(
    files: Files,
    type: number,
    name: Uint8Array,
    usk: UnixSkEntry | undefined,
    file: SocketFile | undefined,
  ) {
    this.type = type;
    this.name = name;
    this.usk = usk;
    this.file = file;
    this.slot = usk ? files.slot(usk.id) : files.reserve();
    this.#fileSlot = file ? files.reserve() : -1;
  }

  /** Adds the operations that bind the socket; may run the batch. */
  bind(b: Batch): void {
    if (!this.file) {
      using _doing = b.doing(`binding a unix socket to ${shown(this.name)}`);
      const to = address(this.name);
      b.call('bind', this.slot, to, to.length);
      return;
    }
    this.file.bind(b, this.slot);
    place(b, b.call('ioctl', this.slot, SIOCUNIXFILE), this.#fileSlot);
  }

  /** What connect(2) takes, in a puppet. */
  get reached(): Uint8Array {
    return this.file ? ofFile(this.#fileSlot) : address(this.name);
  }

  /** The same for crit itself, for the time of a call. */
  reachFrom<T>(files: Files, work: (to: Uint8Array) => T): T {
    if (!this.file) return work(address(this.name));
    const fd = files.take(this.#fileSlot);
    try {
      return work(ofFile(fd));
    } finally {
      closeSync(fd);
    }
  }

  /** Closes in the root what the tree does not have. */
  release(b: Batch): void {
    // that of an end that was closed is closed already
    if (!this.usk) b.tryCall('close', this.slot);
  }
}

const ofFile = (fd: number): Uint8Array => address(Buffer.from(`/proc/self/fd/${fd}`));

/** The names of the sockets in the images. */
export class Addresses {
  readonly #files: Files;
  readonly #byKey = new Map<string, Address>();
  readonly #all: Address[] = [];

  constructor(files: Files) {
    this.#files = files;
  }

  get all(): readonly Address[] {
    return this.#all;
  }

  /** The name of a socket that is bound itself. @throws CritError */
  own(usk: UnixSkEntry): Address {
    const key = keyOf(usk);
    const known = this.#byKey.get(key);
    if (known && !usk.deleted) throw bad(usk, `has the name of another socket (${shown(known.name)})`);
    const found = this.#add(usk.type, bindName(usk.name), usk, this.#fileOf(usk));
    if (!known) this.#byKey.set(key, found);
    return found;
  }

  /** The listening socket that an end was accepted from; where that is closed, one for the restore alone. */
  acceptedFrom(usk: UnixSkEntry): Address {
    const key = keyOf(usk);
    let found = this.#byKey.get(key);
    if (found?.usk && found.usk.state !== TCP_LISTEN)
      throw bad(usk, `has the name of another socket (${shown(found.name)}), which does not listen`);
    if (!found) this.#byKey.set(key, (found = this.#add(usk.type, bindName(usk.name), undefined, this.#fileOf(usk))));
    return found;
  }

  /** A socket with this name: one of the tree, or one for the restore alone, whose name nobody is to find. */
  named(type: number, given: Uint8Array, suits: (usk: UnixSkEntry) => boolean): Address {
    const name = bindName(given);
    if (name.length > UNIX_PATH_MAX) throw tooLong(name);
    const known = this.#all.find(
      (one) => one.type === type && Buffer.from(one.name).equals(name) && (!one.usk || suits(one.usk)),
    );
    if (known) return known;
    const { lookupRoot } = this.#files.ctx;
    const file = isPath(name) ? new SocketFile(lookupRoot, name, undefined, undefined, undefined) : undefined;
    return this.#add(type, name, undefined, file);
  }

  #add(type: number, name: Uint8Array, usk: UnixSkEntry | undefined, file: SocketFile | undefined): Address {
    const made = new Address(this.#files, type, name, usk, file);
    this.#all.push(made);
    return made;
  }

  #fileOf(usk: UnixSkEntry): SocketFile | undefined {
    if (!isPath(usk.name)) return undefined;
    const where = placeOf(usk);
    const dir = path.posix.dirname(where);
    const place = usk.deleted ? undefined : { dir, base: path.posix.basename(where) };
    return new SocketFile(this.#files.ctx.lookupRoot, bindName(usk.name), place, dir, usk.file_perms);
  }
}

const bad = ({ id, ino }: UnixSkEntry, what: string): CritError =>
  new CritError(`${imageFileName('FILES')}: file ${id}: unix socket ${ino} ${what}`, { code: 'BAD_IMAGE' });

const tooLong = (name: Uint8Array): CritError =>
  new CritError(`the name of a unix socket has ${name.length} bytes: ${UNIX_PATH_MAX} are the most`, {
    code: 'BAD_IMAGE',
  });

/** Where the file of a socket is. @throws CritError BAD_IMAGE */
function placeOf(usk: UnixSkEntry): string {
  const name = bindName(usk.name);
  const text = stringOfBytes(name, 0, name.length);
  const where = usk.file_path ?? (text.startsWith('/') ? text : `${usk.name_dir ?? ''}/${text}`);
  const base = path.posix.basename(where);
  if (usk.file_path === undefined && !text.startsWith('/') && !usk.name_dir?.startsWith('/'))
    throw bad(usk, `has a name (${shown(name)}) that begins in no directory (name_dir)`);
  if (!where.startsWith('/') || where.includes('\0') || where.endsWith('/') || base === '.' || base === '..')
    throw bad(usk, `has a name that no file can have (${JSON.stringify(where)})`);
  return where;
}

/** The same for sockets that share a name, as a listening one and the ends that were accepted. */
function keyOf(usk: UnixSkEntry): string {
  const name = bindName(usk.name);
  if (name.length > UNIX_PATH_MAX) throw tooLong(name);
  const text = Buffer.from(name).toString('latin1');
  if (!isPath(name)) return `${usk.type} ${text}`;
  return usk.deleted ? `deleted ${usk.file_ino ?? ''} ${text}` : placeOf(usk);
}
