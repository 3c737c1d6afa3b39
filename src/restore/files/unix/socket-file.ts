import { randomBytes } from 'node:crypto';
import { closeSync, lstatSync, mkdirSync, rmdirSync, type BigIntStats } from 'node:fs';
import path from 'node:path';
import { CritError } from '../../../image/errors.js';
import type { FilePermsEntry } from '../../../image/generated/messages.js';
import { pathBuffer, pathBytes } from '../../../image/path-bytes.js';
import { ERRNO, errnoWords } from '../../../kernel/uapi/errno.js';
import {
  AT_EMPTY_PATH,
  AT_FDCWD,
  AT_REMOVEDIR,
  O_CLOEXEC,
  O_DIRECTORY,
  O_NOFOLLOW,
  O_PATH,
  RENAME_EXCHANGE,
  RENAME_NOREPLACE,
} from '../../../kernel/uapi/open-flags.js';
import { AF_UNIX, SOCK_CLOEXEC, SOCK_DGRAM } from '../../../kernel/uapi/socket.js';
import { S_IALLUGO, S_IFSOCK } from '../../../kernel/uapi/stat.js';
import { cString, sys, sysRaw, SysError } from '../../../native/sys.js';
import type { Arg, Batch } from '../../../task/batch.js';
import type { LookupRoot } from '../../../task/lookup-root.js';
import { lookUp, type Found } from '../look-up.js';
import { address, shown } from './names.js';

/** Where sockets get names that nobody is to find. */
const OUT_OF_THE_WAY = ['/dev/shm', '/tmp'];
/** Permissions until the connections are made: whoever made them may be another user than the file is for. */
const OPEN_TO_ALL = 0o777;

const taken = (where: string, why: string): CritError => new CritError(`${where} ${why}`, { code: 'SOCKET_NAME' });

/**
 * The file of a socket that is bound to a path. The kernel notes the name that bind(2) was given, so it has to be that very
 * name, whatever it leads to by now: the socket is bound in a directory of crit's own, which is the root directory of the
 * puppet for that call, and the file is moved to its place when all else is there. What was there, the file of a socket
 * that is dead, is exchanged for it.
 */
export class SocketFile {
  readonly #root: LookupRoot;
  readonly #name: Uint8Array;
  readonly #place: { readonly dir: string; readonly base: string } | undefined;
  readonly #perms: FilePermsEntry | undefined;
  readonly #found: Found;
  /** Of crit: the directory that it belongs to, and the one of crit's own there. */
  #dir = -1;
  #own = -1;
  readonly #ownName = `.crit-socket-${randomBytes(8).toString('hex')}`;
  /** Its path below the own directory, and directories made for it, outer ones first. */
  #inside = '';
  readonly #directories: string[] = [];
  /** The file, when it is there. */
  #file = -1;
  #moved: { readonly before: BigIntStats | undefined } | undefined;

  /**
   * @param name without the NUL at its end
   * @param place where it is to be found; undefined where its name is gone, or nobody is to find it
   * @param near the directory of one that is gone
   * @throws CritError when there is no such directory, or something else has the name
   */
  constructor(
    root: LookupRoot,
    name: Uint8Array,
    place: { readonly dir: string; readonly base: string } | undefined,
    near: string | undefined,
    perms: FilePermsEntry | undefined,
  ) {
    this.#root = root;
    this.#name = name;
    this.#place = place;
    this.#perms = perms;
    this.#found = place ? directory(root, place.dir) : nearest(root, near);
    if (place) this.#stale(lstat(path.posix.join(this.#found.path, place.base)), `${this.#found.path}/${place.base}`);
  }

  get #where(): string {
    return `unix socket ${shown(this.#name)}:`;
  }

  /** The directory of crit's own, which is there until the file has its place. */
  get ownDirectory(): string {
    return path.posix.join(this.#found.path, this.#ownName);
  }

  /** Makes the directories that it is bound in. */
  #prepare(): void {
    const { path: at, dev, ino } = this.#found;
    this.#dir = this.#root.open(at, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (this.#dir < 0) throw new SysError('openat2', -this.#dir, `of ${at}`);
    const stat = lstatSync(`/proc/self/fd/${this.#dir}/.`, { bigint: true });
    if (stat.dev !== dev || stat.ino !== ino)
      throw new CritError(`directory ${at} was exchanged for another one`, { code: 'EXCHANGED_FILE' });
    const made = sysRaw('mkdirat', this.#dir, cString(this.#ownName), 0o700);
    if (made < 0) throw taken(this.#where, `cannot be made in ${at}: ${errnoWords(-made)}`);
    this.#own = sys('openat', this.#dir, cString(this.#ownName), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, 0);
  }

  /** The directory in which a relative name begins, deep enough for every "..". */
  #layOut(): string {
    const text = Buffer.from(this.#name).toString('latin1');
    const parts = text.split('/').filter((part) => part !== '' && part !== '.');
    const base = parts.pop() ?? '';
    const at: string[] = [];
    const enter = (part: string) => {
      at.push(part);
      const dir = at.join('/');
      if (this.#directories.includes(dir)) return;
      mkdirSync(Buffer.from(`/proc/self/fd/${this.#own}/${dir}`, 'latin1'), 0o700);
      this.#directories.push(dir);
    };
    if (!text.startsWith('/')) for (const part of parts) if (part === '..') enter('d');
    const start = at.join('/');
    for (const part of parts)
      if (part === '..') at.pop();
      else enter(part);
    this.#inside = [...at, base].join('/');
    return `/${start}`;
  }

  /** Adds the operations that bind a socket; runs the batch. */
  bind(b: Batch, slot: number): void {
    this.#prepare();
    const start = this.#layOut();
    using _doing = b.doing(`binding a unix socket to ${shown(this.#name)}`);
    const crit = b.call('pidfd_open', process.pid, 0);
    const own = b.call('pidfd_getfd', crit, this.#own, 0);
    const root = b.call('openat', AT_FDCWD, '/', O_PATH | O_DIRECTORY | O_CLOEXEC, 0);
    const cwd = b.call('openat', AT_FDCWD, '.', O_PATH | O_DIRECTORY | O_CLOEXEC, 0);
    const back = (dir: Arg) => b.call('fchdir', dir);
    back(own);
    b.call('chroot', '.');
    b.call('chdir', start);
    const to = address(this.#name);
    b.call('bind', slot, to, to.length);
    back(root);
    b.call('chroot', '.');
    back(cwd);
    for (const fd of [crit, own, root, cwd]) b.call('close', fd);
    b.run();
    const inside = Buffer.from(`${this.#inside}\0`, 'latin1');
    this.#file = sys('openat', this.#own, inside, O_PATH | O_NOFOLLOW | O_CLOEXEC, 0);
    this.#chmod(OPEN_TO_ALL);
    if (this.#place) return;
    sys('unlinkat', this.#own, inside, 0);
    this.#leave();
  }

  /** Gives the file its owner and permissions, and its place. */
  settle(): void {
    if (this.#file < 0) return;
    const { uid, gid, mode } = this.#perms ?? { uid: 0, gid: 0, mode: 0o755 };
    sys('fchownat', this.#file, cString(''), uid, gid, AT_EMPTY_PATH);
    this.#chmod(mode & S_IALLUGO);
    if (this.#place) this.#move(this.#place.base);
    this.#leave();
    this.#close();
  }

  #chmod(mode: number): void {
    sys('fchmodat', AT_FDCWD, cString(`/proc/self/fd/${this.#file}`), mode);
  }

  #move(base: string): void {
    const inside = Buffer.from(`${this.#inside}\0`, 'latin1');
    const to = pathBytes(base);
    const there = `${this.#found.path}/${base}`;
    const moved = sysRaw('renameat2', this.#own, inside, this.#dir, to, RENAME_NOREPLACE);
    if (moved === 0) {
      this.#moved = { before: undefined };
      return;
    }
    if (moved !== -ERRNO.EEXIST) throw taken(this.#where, `cannot be moved to ${there}: ${errnoWords(-moved)}`);
    const before = this.#stale(lstat(`/proc/self/fd/${this.#dir}/${base}`), there);
    sys('renameat2', this.#own, inside, this.#dir, to, RENAME_EXCHANGE);
    const old = lstat(`/proc/self/fd/${this.#own}/${this.#inside}`, 'latin1');
    if (old?.dev !== before?.dev || old?.ino !== before?.ino) {
      sysRaw('renameat2', this.#own, inside, this.#dir, to, RENAME_EXCHANGE);
      throw taken(this.#where, `${there} was exchanged for another file`);
    }
    sys('unlinkat', this.#own, inside, 0);
    this.#moved = { before };
  }

  /** What may be replaced: the file of a socket that nobody has any more. @throws CritError SOCKET_NAME for all else */
  #stale(there: BigIntStats | undefined, name: string): BigIntStats | undefined {
    if (!there) return undefined;
    if (!there.isSocket()) throw taken(this.#where, `${name} is there, and is no socket: remove or rename it`);
    if (isAlive(this.#root, name))
      throw taken(this.#where, `${name} is the socket of a process that runs: end that process`);
    return there;
  }

  /** Takes crit's own directory away. */
  #leave(): void {
    if (this.#own < 0) return;
    for (const dir of this.#directories.splice(0).reverse())
      rmdirSync(Buffer.from(`/proc/self/fd/${this.#own}/${dir}`, 'latin1'));
    closeSync(this.#own);
    this.#own = -1;
    rmdirSync(`/proc/self/fd/${this.#dir}/${this.#ownName}`);
  }

  #close(): void {
    for (const fd of [this.#file, this.#own, this.#dir]) if (fd >= 0) closeSync(fd);
    this.#file = this.#own = this.#dir = -1;
  }

  /** After a failure: what was there is there again. */
  undo(): void {
    try {
      if (this.#moved) this.#moveBack(this.#moved.before);
      if (this.#own >= 0) {
        sysRaw('unlinkat', this.#own, Buffer.from(`${this.#inside}\0`, 'latin1'), 0);
        this.#leave();
      } else if (this.#dir >= 0) sysRaw('unlinkat', this.#dir, cString(this.#ownName), AT_REMOVEDIR);
    } catch {
      // the first error counts
    }
    this.#close();
  }

  /** The file of a dead socket has nothing but owner, permissions and times. */
  #moveBack(before: BigIntStats | undefined): void {
    const base = pathBytes(this.#place!.base);
    const dir = this.#root.open(this.#found.path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0) return;
    try {
      sysRaw('unlinkat', dir, base, 0);
      if (!before) return;
      sysRaw('mknodat', dir, base, S_IFSOCK | Number(before.mode & BigInt(S_IALLUGO)), 0);
      sysRaw('fchownat', dir, base, Number(before.uid), Number(before.gid), 0);
      sysRaw('fchmodat', dir, base, Number(before.mode) & S_IALLUGO);
      const times = [before.atimeNs, before.mtimeNs].flatMap((ns) => [ns / 1_000_000_000n, ns % 1_000_000_000n]);
      sysRaw('utimensat', dir, base, BigInt64Array.from(times), 0);
    } finally {
      closeSync(dir);
    }
  }
}

function lstat(name: string, encoding?: 'latin1'): BigIntStats | undefined {
  const bytes = encoding ? Buffer.from(name, encoding) : pathBuffer(name);
  return lstatSync(bytes, { bigint: true, throwIfNoEntry: false });
}

/**
 * Whether the socket of a file is open, in whatever process: connecting one of another type tells, and is not noticed; a
 * datagram socket does not notice either.
 */
function isAlive(root: LookupRoot, name: string): boolean {
  const file = root.open(name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
  if (file < 0) return false;
  const probe = sys('socket', AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  try {
    const to = address(Buffer.from(`/proc/self/fd/${file}`));
    return sysRaw('connect', probe, to, to.length) !== -ERRNO.ECONNREFUSED;
  } finally {
    closeSync(probe);
    closeSync(file);
  }
}

/** A directory by its name, which nobody but root may lead elsewhere. */
function directory(root: LookupRoot, name: string): Found {
  const found = lookUp(root, name);
  if (!found?.stat.isDirectory())
    throw new CritError(`directory ${name} is missing: a unix socket of the dumped tree was in it`, {
      code: 'MISSING_FILE',
    });
  const foreign = found.links.find(({ uid }) => uid !== 0 && uid !== process.geteuid?.());
  if (foreign)
    throw new CritError(`${name} is reached through ${foreign.path}, a symbolic link of user ${foreign.uid}`, {
      code: 'FOREIGN_LINK',
    });
  return found;
}

/** The nearest directory that is there. */
function nearest(root: LookupRoot, name: string | undefined): Found {
  if (name === undefined) return directory(root, OUT_OF_THE_WAY.find((dir) => lookUp(root, dir)) ?? '/');
  for (let at = name; ; at = path.posix.dirname(at))
    if (lookUp(root, at)?.stat.isDirectory()) return directory(root, at);
}
