import { lstatSync, readlinkSync, realpathSync, type Stats } from 'node:fs';
import path from 'node:path';
import { CritError } from './errors.js';
import { bytesOfString, stringOfBytes } from './utf8.js';

/** As many as the kernel follows (path_resolution(7)). */
const MAX_LINKS = 40;

/** Names may be no UTF-8 (utf8.ts). */
const fsPath = (name: string): string | Buffer => {
  const bytes = bytesOfString(name);
  return bytes ? Buffer.from(bytes) : name;
};

/** How lstat(2) sees a name. */
const look = (name: string): Stats => lstatSync(fsPath(name));

/**
 * Follows symbolic links one by one, where the kernel would follow all at once.
 * @param from a directory, whose own name is not looked at
 * @param target what to look up there
 * @param onLink sees each link before it is followed
 * @returns a path without links
 * @throws the error of lstat(2), or ELOOP
 */
export function walkLinks(from: string, target: string, onLink: (link: string, stat: Stats) => void): string {
  let at = from;
  const parts = target.split('/');
  if (path.isAbsolute(target)) at = '/';
  for (let links = 0; parts.length > 0;) {
    const part = parts.shift()!;
    if (part === '' || part === '.') continue;
    if (part === '..') {
      at = path.dirname(at);
      continue;
    }
    const next = path.join(at, part);
    const stat = look(next);
    if (!stat.isSymbolicLink()) {
      at = next;
      continue;
    }
    onLink(next, stat);
    if (++links > MAX_LINKS) throw new CritError(`too many links: ${next}`, { code: 'ELOOP' });
    const bytes = readlinkSync(fsPath(next), 'buffer');
    const text = stringOfBytes(bytes, 0, bytes.length);
    parts.unshift(...text.split('/'));
    if (path.isAbsolute(text)) at = '/';
  }
  return at;
}

/** The directory that a name is in, without links. */
export const directoryOf = (name: string): string => realpathSync(fsPath(path.dirname(name)));
