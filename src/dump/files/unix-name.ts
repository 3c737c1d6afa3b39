import { closeSync } from 'node:fs';
import path from 'node:path';
import type { UnixSkEntry } from '../../image/generated/messages.js';
import { stringOfBytes } from '../../image/utf8.js';
import { ERRNO } from '../../kernel/uapi/errno.js';
import { SA_FAMILY_BYTES, SIOCUNIXFILE, SOCKADDR_BYTES } from '../../kernel/uapi/socket.js';
import { sysRaw, SysError } from '../../native/sys.js';
import type { LookupRoot } from '../../task/lookup-root.js';
import type { Description } from './description.js';
import { readLink, statFd, statPath, type FileStat } from './file-stat.js';
import { unsupported } from './unsupported.js';

type NameFields = Pick<UnixSkEntry, 'file_perms' | 'name_dir' | 'deleted' | 'file_path' | 'file_ino'>;

const DELETED = ' (deleted)';

/** A name of unix(7) for people: that of an abstract one begins with @. */
export function shownName(name: Uint8Array): string {
  return Buffer.from(name).toString('latin1').replace(/\0$/, '').replaceAll('\0', '@');
}

/** Whether a name is that of a file. */
export const isPath = (name: Uint8Array): boolean => name.length > 0 && name[0] !== 0;

/** The text of a name that is a path. */
function pathOf(name: Uint8Array): string {
  const end = name.indexOf(0);
  return stringOfBytes(name, 0, end < 0 ? name.length : end);
}

/**
 * Where the file of a socket is that is bound to a path, and what it is. A listening socket shares it with the connections
 * that were accepted.
 * @param own crit's own descriptor of the socket
 * @throws CritError UNSUPPORTED
 */
export function nameFields(file: Description, name: Uint8Array, own: number, root: LookupRoot): NameFields {
  if (!isPath(name)) return {};
  const fd = sysRaw('ioctl', own, SIOCUNIXFILE);
  if (fd < 0) throw new SysError('ioctl', -fd, `SIOCUNIXFILE of ${file.where}`);
  try {
    const stat = statFd(fd);
    const link = readLink(`/proc/self/fd/${fd}`);
    const { mode, uid, gid } = stat;
    const fields: NameFields = { file_perms: { mode, uid, gid }, file_ino: stat.ino };
    const deleted = link.endsWith(DELETED) && !isThere(root, link, stat);
    if (deleted && stat.nlink > 0)
      throw unsupported(file, `a unix socket whose name (${pathOf(name)}) is gone, but whose file has other names,`);
    const place = deleted ? link.slice(0, -DELETED.length) : link;
    if (!deleted && !isThere(root, place, stat))
      throw unsupported(file, `a unix socket (${pathOf(name)}) whose file (${place}) cannot be reached by its name,`);
    return { ...fields, ...whereabouts(pathOf(name), place, deleted, stat, root), ...(deleted && { deleted }) };
  } finally {
    closeSync(fd);
  }
}

/** How a restore finds the place of the file: by its name, from a directory, or by a path of its own. */
function whereabouts(
  name: string,
  place: string,
  deleted: boolean,
  stat: FileStat,
  root: LookupRoot,
): Pick<NameFields, 'name_dir' | 'file_path'> {
  if (name.startsWith('/')) return deleted || isThere(root, name, stat) ? {} : { file_path: place };
  const plain = path.posix.normalize(name);
  if (place.endsWith(`/${plain}`)) return { name_dir: place.slice(0, -plain.length - 1) || '/' };
  return { name_dir: path.posix.dirname(place), file_path: place };
}

function isThere(root: LookupRoot, name: string, { dev, ino }: FileStat): boolean {
  const there = statPath(root.path(name));
  return there?.dev === dev && there.ino === ino;
}

/** What getpeername(2) tells; undefined where there is no peer. */
export function peerName(own: number): Uint8Array | undefined {
  const address = new Uint8Array(SOCKADDR_BYTES);
  const length = Uint32Array.of(SOCKADDR_BYTES);
  const r = sysRaw('getpeername', own, address, length);
  if (r === -ERRNO.ENOTCONN) return undefined;
  if (r < 0) throw new SysError('getpeername', -r);
  return address.slice(SA_FAMILY_BYTES, Math.min(length[0]!, SOCKADDR_BYTES));
}
