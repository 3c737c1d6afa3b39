import { lstatSync } from 'node:fs';
import path from 'node:path';
import { CritError } from '../../image/errors.js';
import { AT_REMOVEDIR, O_DIRECTORY, O_NOFOLLOW, O_PATH } from '../../kernel/uapi/open-flags.js';
import type { Batch, Ref } from '../../task/batch.js';
import { lookUp } from './look-up.js';
import { pathBuffer, pathBytes } from '../../image/path-bytes.js';
import type { LookupRoot } from '../../task/lookup-root.js';
import { openNoWait } from '../../task/open-no-wait.js';
import type { VerifiedOpens } from '../../task/verified-open.js';

/** Adds the operations that open a file with these flags. @returns the descriptor */
export type Open = (b: Batch, flags: number) => Ref;
/** Adds the operations that make use of a file that can be opened. */
export type Opener = (b: Batch, open: Open) => void;

/** What is to have a name for a moment, and everything that is to be opened by that name. */
export interface Named {
  readonly name: string;
  readonly openers: readonly Opener[];
}

/** A file without a name, or under another one. */
export interface Body {
  readonly isDirectory: boolean;
  readonly names: readonly Named[];
  /** Adds the operations that make it appear: the call that makes the name, and a descriptor of it, which stays open. */
  make(b: Batch, dir: Ref, base: Uint8Array): { made: Ref; fd: Ref | undefined };
}

interface Place {
  readonly dir: Ref;
  readonly base: Uint8Array;
}

/**
 * Gives files names for the moment in which they are opened: /proc and a later dump then tell the name that they had. All
 * is done by the puppet in one batch, each name relative to a directory that is held open, so that neither crit's death
 * nor somebody who moves directories leaves or removes a name elsewhere. What appears is empty and belongs to root.
 */
export class Appearance {
  readonly #b: Batch;
  readonly #opens: VerifiedOpens;
  readonly #directories = new Map<string, Ref>();
  readonly #held: Ref[] = [];
  /** Last first they are taken away. */
  readonly #made: (Place & { made: Ref; isDirectory: boolean; removed?: Ref })[] = [];
  readonly #taken = new Set<string>();

  constructor(b: Batch, opens: VerifiedOpens) {
    this.#b = b;
    this.#opens = opens;
  }

  /** Runs the batch. @returns the descriptors that the bodies gave; the caller closes them */
  open(bodies: readonly Body[]): (Ref | undefined)[] {
    const b = this.#b;
    try {
      // first, so that names stand for as short as possible
      for (const { names } of bodies) for (const { name } of names) this.#nearest(path.posix.dirname(name));
      b.run();
      this.#opens.check();
      const refs = bodies.map((body) => this.#openOne(body));
      using _doing = b.doing('taking names away again');
      for (const made of [...this.#made].reverse())
        made.removed = b.call('unlinkat', made.dir, made.base, made.isDirectory ? AT_REMOVEDIR : 0);
      for (const fd of this.#held) b.call('close', fd);
      b.run();
      return refs;
    } catch (error) {
      this.#takeAway();
      throw error;
    }
  }

  #openOne(body: Body): Ref | undefined {
    const b = this.#b;
    const places = new Map<string, Place>();
    let fd: Ref | undefined;
    for (const { name } of body.names) {
      if (places.has(name)) continue;
      const [first] = places.values();
      if (first && body.isDirectory) {
        places.set(name, first); // it has the name that it got first
        continue;
      }
      const free = this.#free(name);
      const dir = this.#directory(path.posix.dirname(free));
      const base = pathBytes(path.posix.basename(free));
      using _doing = b.doing(`making ${name} appear`);
      if (first) this.#note(b.call('linkat', first.dir, first.base, dir, base, 0), dir, base, false);
      else {
        const appeared = body.make(b, dir, base);
        this.#note(appeared.made, dir, base, body.isDirectory);
        ({ fd } = appeared);
        if (body.isDirectory && fd) this.#directories.set(free, fd);
      }
      places.set(name, { dir, base });
    }
    for (const { name, openers } of body.names) {
      const { dir, base } = places.get(name)!;
      using _doing = b.doing(`opening ${name}`);
      for (const opener of openers) opener(b, (batch, flags) => openNoWait(batch, dir, base, flags));
    }
    return fd;
  }

  #note(made: Ref, dir: Ref, base: Uint8Array, isDirectory: boolean): void {
    this.#made.push({ made, dir, base, isDirectory });
  }

  /** After a failure: the names that are there. */
  #takeAway(): void {
    const left = this.#made.filter(({ made, removed }) => made.done && made.value >= 0 && !removed?.done).reverse();
    try {
      for (const { dir, base, isDirectory } of left)
        this.#b.tryCall('unlinkat', dir, base, isDirectory ? AT_REMOVEDIR : 0);
      this.#b.run();
    } catch {
      // the puppet is gone: the first error counts
    }
  }

  /** A descriptor of a directory that is there, or of the nearest one above. */
  #nearest(name: string): { dir: Ref; name: string } {
    for (let at = name; ; at = path.posix.dirname(at)) {
      const known = this.#directories.get(at);
      if (known) return { dir: known, name: at };
      const found = lookUp(this.#opens.root, at);
      if (!found?.stat.isDirectory()) {
        if (found) throw new CritError(`${at} is no directory, a deleted file was in it`, { code: 'CHANGED_FILE' });
        continue;
      }
      const foreign = found.links.find(({ uid }) => uid !== 0 && uid !== process.geteuid?.());
      if (foreign)
        throw new CritError(`${at} is reached through ${foreign.path}, a symbolic link of user ${foreign.uid}`, {
          code: 'FOREIGN_LINK',
        });
      using _doing = this.#b.doing(`opening ${at}`);
      const dir = this.#opens.open(this.#b, found, O_PATH | O_DIRECTORY);
      this.#directories.set(at, dir);
      this.#held.push(dir);
      return { dir, name: at };
    }
  }

  /** A descriptor of a directory; what is missing on the way is made for the moment. */
  #directory(name: string): Ref {
    const nearest = this.#nearest(name);
    let { dir } = nearest;
    const rest = path.posix.relative(nearest.name, name).split('/').filter(Boolean);
    let at = nearest.name;
    for (const part of rest) {
      const b = this.#b;
      using _doing = b.doing(`making ${name} appear`);
      at = path.posix.join(at, part);
      const base = pathBytes(part);
      this.#note(b.call('mkdirat', dir, base, 0o700), dir, base, true);
      dir = openNoWait(b, dir, base, O_PATH | O_DIRECTORY | O_NOFOLLOW);
      this.#directories.set(at, dir);
      this.#held.push(dir);
    }
    return dir;
  }

  /** The name, or one like it when that is taken. */
  #free(name: string): string {
    let free = name;
    for (let i = 0; this.#taken.has(free) || exists(this.#opens.root, free); i++) free = `${name}.cr_link${i || ''}`;
    this.#taken.add(free);
    return free;
  }
}

/** Also true for a symbolic link that leads nowhere. */
function exists(root: LookupRoot, name: string): boolean {
  return lstatSync(pathBuffer(root.path(name)), { throwIfNoEntry: false }) !== undefined;
}
