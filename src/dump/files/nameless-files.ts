import { closeSync } from 'node:fs';
import type { FhEntry } from '../../image/generated/messages.js';
import { fanotifyGroup, inotifyWatches } from '../../kernel/proc/fdinfo.js';
import { FAN_ONDIR, IN_READING } from '../../kernel/uapi/fsnotify.js';
import { AT_FDCWD, O_CLOEXEC, O_PATH } from '../../kernel/uapi/open-flags.js';
import { cString, sysRaw } from '../../native/sys.js';
import { isWatchedAs, leadsTo, type WatchedInode } from '../../task/handle-path.js';
import type { DumpContext } from '../context.js';
import { attempt } from '../resource.js';
import type { Description } from './description.js';
import { kernelDevOf } from './file-stat.js';
import { HINTS, searchInodes } from './inode-search.js';
import { unsupported } from './unsupported.js';

interface Nameless {
  readonly file: Description;
  /** For messages: "an inotify whose watch 1" */
  readonly what: string;
  readonly watched: WatchedInode;
  /** The file was reached by its handle: so many names it has. */
  readonly nlink: number | undefined;
  /** Gets the name. */
  readonly entry: FhEntry;
}

/** Watched files whose names the kernel does not tell. When all of the tree is known, names are looked for. */
export class NamelessFiles {
  readonly #ctx: DumpContext;
  readonly #all: Nameless[] = [];

  constructor(ctx: DumpContext) {
    this.#ctx = ctx;
  }

  add(nameless: Nameless): void {
    this.#all.push(nameless);
  }

  /** @param descriptions all of the tree */
  known(descriptions: readonly Description[]): void {
    const { refuse, lookupRoot } = this.#ctx;
    const lost: Nameless[] = [];
    for (const one of this.#all.splice(0)) {
      const held = descriptions.find((file) => isHeld(file, one));
      if (held && leadsTo(lookupRoot, held.link, one.watched)) one.entry.path = held.link;
      else if (held && held.stat.nlink === 0 && kernelDevOf(held.stat) === one.watched.sdev)
        continue; // its ghost is watched
      else if (one.nlink === 0)
        attempt(refuse, () => {
          throw unsupported(
            one.file,
            `${one.what} is on a deleted file (inode ${one.watched.ino}) that no descriptor has open`,
          );
        });
      else lost.push(one);
    }
    if (lost.length === 0) return;
    const names = this.#search(descriptions, lost);
    for (const one of lost) {
      const name = names.get(one.watched);
      if (name !== undefined) one.entry.path = name;
      else attempt(refuse, () => this.#refuse(one));
    }
  }

  #search(descriptions: readonly Description[], lost: readonly Nameless[]): Map<WatchedInode, string> {
    const { options, lookupRoot: root, stats, log } = this.#ctx;
    const places = [...options.irmapScanPaths, ...HINTS];
    const wanted = lost.map(({ watched }) => watched);
    const names = searchInodes({ root, stats, places, isSeen: whoSees(descriptions) }, wanted);
    for (const [{ ino }, name] of names) log.debug(`a watched file (inode ${ino}) was found: ${name}`);
    return names;
  }

  #refuse({ file, what, watched }: Nameless): never {
    const places = this.#ctx.options.irmapScanPaths.join(', ');
    throw unsupported(
      file,
      `${what} is on a file that has no name here (inode ${watched.ino}):`,
      places ? `neither ${places} nor the usual places have it` : 'say with --irmap-scan-path where to search for it',
    );
  }
}

/** Whether a descriptor of the tree has the file open. */
function isHeld({ link, stat, at }: Description, { watched, nlink }: Nameless): boolean {
  if (!link.startsWith('/') || stat.ino !== watched.ino) return false;
  if (kernelDevOf(stat) === watched.sdev) return true;
  if (nlink === 0) return false;
  const fd = sysRaw('openat', AT_FDCWD, cString(`/proc/${at.pid}/fd/${at.fd}`), O_PATH | O_CLOEXEC, 0);
  if (fd < 0) return false;
  try {
    return isWatchedAs(fd, watched);
  } finally {
    closeSync(fd);
  }
}

/** Whether the tree would find events when a directory is read: it watches it, its parent, or all. */
function whoSees(descriptions: readonly Description[]): (directory: bigint, parent: bigint) => boolean {
  let all = false;
  const inodes = new Set<bigint>();
  for (const { info } of descriptions) {
    for (const { ino, mask } of inotifyWatches(info)) if (mask & IN_READING) inodes.add(ino);
    for (const { on, ino, mask } of fanotifyGroup(info)?.marks ?? []) {
      if (!(mask & IN_READING) || !(mask & FAN_ONDIR)) continue;
      if (on === 'file') inodes.add(ino);
      else all = true;
    }
  }
  return (directory, parent) => all || inodes.has(directory) || inodes.has(parent);
}
