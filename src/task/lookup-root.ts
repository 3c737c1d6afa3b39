import path from 'node:path';
import type { Stats } from 'node:fs';
import { pathBytes } from '../image/path-bytes.js';
import { directoryOf, walkLinks } from '../image/walk-links.js';
import { AT_FDCWD, OPEN_HOW_BYTES } from '../kernel/uapi/open-flags.js';
import { sysRaw } from '../native/sys.js';
import type { Batch, Ref } from './batch.js';
import { openHow, openNoWait } from './open-no-wait.js';

/** Where the names of a tree are looked up: a directory that they begin at, in a mount namespace. */
export interface LookupRoot {
  /** A name for calls of crit that take a path. On the way to it must be no symbolic link, which could lead out of here. */
  path(name: string): string;
  /** openat2(2) that follows no symbolic link. @returns a descriptor of crit's, or -errno */
  open(name: string, flags: number): number;
  /**
   * Where a name leads, by symbolic links.
   * @param nofollow the last part may be a link that is meant itself @param onLink sees each link before it is followed
   * @throws ErrnoException, CritError ELOOP
   */
  follow(name: string, nofollow: boolean, onLink: (link: string, stat: Stats) => void): string;
  /** Adds the operations that open a name in a puppet, following no symbolic link and waiting for nothing. */
  openIn(b: Batch, name: Uint8Array, flags: number): Ref;
}

/** The root directory of crit itself, and of all puppets as long as crit enters no mount namespace for them. */
export const ownRoot: LookupRoot = {
  path: (name) => name,
  open: (name, flags) => sysRaw('openat2', AT_FDCWD, pathBytes(name), openHow(flags), OPEN_HOW_BYTES),
  follow: (name, nofollow, onLink) =>
    nofollow ? path.posix.join(directoryOf(name), path.posix.basename(name)) : walkLinks('/', name, onLink),
  openIn: (b, name, flags) => openNoWait(b, AT_FDCWD, name, flags),
};
