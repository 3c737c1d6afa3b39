import { fstatSync } from 'node:fs';
import { imageFileName } from '../../image/catalogue.js';
import { CritError } from '../../image/errors.js';
import type { RegFileEntry } from '../../image/generated/messages.js';
import { AT_FDCWD, AT_SYMLINK_FOLLOW, O_NOFOLLOW, O_PATH } from '../../kernel/uapi/open-flags.js';
import { S_IFLNK, S_IFMT } from '../../kernel/uapi/stat.js';
import type { Batch, Ref } from '../../task/batch.js';
import type { RestoreContext } from '../context.js';
import type { Part } from '../part.js';
import { Appearance, type Body, type Opener } from './appear.js';
import { differences, type Purpose } from './check-file.js';
import type { FileImages } from './file-images.js';
import { Ghost } from './ghost.js';
import type { InheritedFiles } from './inherited.js';
import { LinkRemap } from './link-remap.js';
import { lookUp, type Found } from './look-up.js';
import { pathBytes } from '../../image/path-bytes.js';
import { seenByCrit } from '../../image/pid.js';
import type { LookupRoot } from '../../task/lookup-root.js';
import { VerifiedOpens } from '../../task/verified-open.js';

interface Wanted {
  readonly id: number;
  readonly name: string;
  readonly openers: Opener[];
  readonly purposes: Set<Purpose>;
  /** Where it is now; undefined for a ghost, and for a file of a process that is yet to be. */
  found: Found | undefined;
}

/**
 * Opens files by name, each compared with what the images say of it. Files whose names are gone get them back for the
 * moment in which they are opened: deleted ones are made from their ghost images, others are linked from the names that
 * the dump made beside them.
 */
export class Names {
  readonly #images: FileImages;
  readonly #ctx: RestoreContext;
  readonly #wanted = new Map<number, Wanted>();
  readonly #ghosts = new Map<number, Ghost>();
  readonly #links = new Map<string, LinkRemap>();
  /** Comparisons of files that are not there yet. */
  readonly #checkLater: (() => void)[] = [];
  /** Names that were looked up. */
  readonly #looked = new Map<string, Found | undefined>();

  readonly #inherited: InheritedFiles;
  readonly #reserve: () => number;

  /** @param reserve gives a number in the root that nothing else uses */
  constructor(images: FileImages, ctx: RestoreContext, inherited: InheritedFiles, reserve: () => number) {
    this.#images = images;
    this.#ctx = ctx;
    this.#inherited = inherited;
    this.#reserve = reserve;
  }

  /** Has a file opened when its name is there. A file that is missing, or not the one that was dumped, is refused. */
  add(id: number, where: string, purpose: Purpose, opener: Opener): void {
    let wanted = this.#wanted.get(id);
    if (!wanted) {
      const { name } = this.#images.regular(id, where);
      wanted = { id, name, openers: [], purposes: new Set(), found: undefined };
      this.#wanted.set(id, wanted);
    }
    wanted.openers.push(opener);
    if (wanted.purposes.has(purpose)) return;
    wanted.purposes.add(purpose);
    this.#check(wanted, this.#images.regular(id, where), purpose, where);
  }

  #check(wanted: Wanted, entry: RegFileEntry, purpose: Purpose, where: string): void {
    const { refuse } = this.#ctx;
    const { id } = wanted;
    const { fileValidation: validation, skipRwxCheck } = this.#ctx.options;
    const inherited = this.#inherited.of(id);
    if (inherited !== undefined) {
      wanted.found = foundAt(this.#ctx.lookupRoot, inherited);
      const { name, mode, size } = entry;
      const told = { ...NOTHING_TOLD, name, ...(mode !== undefined && { mode }), ...(size !== undefined && { size }) };
      for (const obstacle of differences(told, wanted.found, purpose, { validation, skipRwxCheck })) refuse(obstacle);
      return;
    }
    if (entry.ext) {
      refuse(
        new CritError(
          `file ${id} is an external one: open what stands for it as a descriptor N of crit, and add --inherit-fd 'fd[N]:${entry.name}'`,
          { code: 'EXTERNAL_FILE' },
        ),
      );
      return;
    }
    const remap = this.#images.remaps.get(id);
    if (remap?.kind === 'ghost') {
      let ghost = this.#ghosts.get(remap.target);
      if (!ghost) this.#ghosts.set(remap.target, (ghost = new Ghost(this.#images.dir, remap.target)));
      if (ghost.suits(purpose)) return;
      throw new CritError(`${where}: ${ghost.image} is no file that can be opened as a ${purpose}`, {
        code: 'BAD_IMAGE',
      });
    }
    const name = remap ? this.#images.regular(remap.target, imageFileName('REMAP_FPATH')).name : entry.name;
    if (ofProcess(name)) return;
    const found = this.#lookUp(name, ((entry.mode ?? 0) & S_IFMT) === S_IFLNK);
    if (!found) {
      if (this.#ctx.isYetToBeMade(name)) {
        this.#checkLater.push(() => {
          this.#looked.clear();
          this.#check(wanted, entry, purpose, where);
        });
        return;
      }
      refuse(
        new CritError(`file ${name} is missing: the dumped tree had it open; put it back and restore again`, {
          code: 'MISSING_FILE',
        }),
      );
      return;
    }
    wanted.found = found;
    if (remap && !this.#links.has(name)) this.#links.set(name, new LinkRemap(name, found));
    for (const obstacle of differences(entry, found, purpose, { validation, skipRwxCheck })) refuse(obstacle);
  }

  #lookUp(name: string, nofollow: boolean): Found | undefined {
    const key = `${nofollow} ${name}`;
    if (!this.#looked.has(key)) this.#looked.set(key, lookUp(this.#ctx.lookupRoot, name, nofollow));
    return this.#looked.get(key);
  }

  /** As a part of the restore. */
  part(): Part {
    return {
      name: 'names',
      at: {
        open: ({ b }) => {
          this.#open(b);
        },
        born: ({ b }) => {
          this.#openLate(b);
        },
        running: () => {
          this.#removeLinks();
        },
      },
      planLines: () => this.#planLines(),
    };
  }

  /** Opens everything that was added, but files of processes in /proc. Runs the batch. */
  #open(b: Batch): void {
    for (const check of this.#checkLater.splice(0)) check();
    const opens = new VerifiedOpens(this.#ctx.lookupRoot);
    const late = new Set(this.late());
    for (const { id, name, openers, found } of this.#wanted.values()) {
      const inherited = this.#inherited.of(id);
      if (inherited === undefined && (late.has(id) || this.#images.remaps.has(id))) continue;
      using _doing = b.doing(`opening ${name}`);
      if (inherited !== undefined) {
        const slot = this.#reserve();
        this.#inherited.fetch(b, inherited, slot);
        for (const opener of openers)
          opener(b, (batch, flags) => batch.call('openat', AT_FDCWD, `/proc/self/fd/${slot}`, flags, 0));
        continue;
      }
      for (const opener of openers) opener(b, (batch, flags) => opens.open(batch, found!, flags));
    }
    b.run();
    opens.check();
    for (const bodies of this.#bodies()) {
      const links = bodies.filter((body) => body instanceof LinkBody);
      for (const link of links) link.open(b, opens);
      if (links.length > 0) b.run();
      opens.check();
      const refs = new Appearance(b, opens).open(bodies);
      bodies.forEach((body, i) => {
        const fd = refs[i];
        if (body instanceof GhostBody && fd) {
          body.ghost.fill(`/proc/${seenByCrit(this.#ctx.root.pid)}/fd/${fd.value}`);
          body.ghost.settle(b, fd);
        }
      });
      for (const link of links) link.close(b);
      b.run();
    }
  }

  /** What has to appear, those together of which one is in the directory of another; outer directories first. */
  #bodies(): (readonly (GhostBody | LinkBody)[])[] {
    const byBody = new Map<string, Wanted[]>();
    for (const wanted of this.#wanted.values()) {
      const remap = this.#images.remaps.get(wanted.id);
      if (!remap || this.#inherited.of(wanted.id) !== undefined) continue;
      const key = `${remap.kind}:${remap.target}`;
      byBody.set(key, [...(byBody.get(key) ?? []), wanted]);
    }
    const directories: { name: string; group: (GhostBody | LinkBody)[] }[] = [];
    const groups: (GhostBody | LinkBody)[][] = [];
    const bodies = [...byBody.values()].map((names) => {
      const remap = this.#images.remaps.get(names[0]!.id)!;
      return remap.kind === 'ghost' ? new GhostBody(this.#ghosts.get(remap.target)!, names) : new LinkBody(names);
    });
    const length = (body: Body) => body.names[0]!.name.length;
    // directories before what was in them
    bodies.sort((x, y) => Number(y.isDirectory) - Number(x.isDirectory) || length(x) - length(y));
    for (const body of bodies) {
      const { name } = body.names[0]!;
      const outer = directories.find((directory) =>
        body.names.some((one) => one.name.startsWith(`${directory.name}/`)),
      );
      const group = outer?.group ?? [];
      group.push(body);
      if (!outer) groups.push(group);
      if (body.isDirectory) directories.push({ name, group });
    }
    return groups;
  }

  /** Files of processes in /proc, which are there when the processes are. */
  late(): number[] {
    return [...this.#wanted.values()]
      .filter(({ id, name }) => !this.#images.remaps.has(id) && this.#inherited.of(id) === undefined && ofProcess(name))
      .map(({ id }) => id);
  }

  /** Numbers of descriptors that files of /proc/PID/fdinfo tell of. */
  toldNumbers(): ReadonlySet<number> {
    const names = this.late().map((id) =>
      /^\/proc\/\d+(?:\/task\/\d+)?\/fdinfo\/(\d{1,9})$/.exec(this.#wanted.get(id)!.name),
    );
    return new Set(names.flatMap((match) => (match ? [Number(match[1])] : [])));
  }

  /** When all processes and threads exist. */
  #openLate(b: Batch): void {
    for (const id of this.late()) {
      const { name, openers } = this.#wanted.get(id)!;
      using _doing = b.doing(`opening ${name}`);
      for (const opener of openers)
        opener(b, (batch, flags) => this.#ctx.lookupRoot.openIn(batch, pathBytes(name), flags));
    }
    b.run();
  }

  /** The tree runs: the links that the dump made are not needed any more. */
  #removeLinks(): void {
    for (const link of this.#links.values()) link.remove(this.#ctx.log);
    this.#links.clear();
  }

  #planLines(): string[] {
    return [...this.#wanted.values()].map(({ id, name }) => {
      const remap = this.#images.remaps.get(id);
      if (!remap) return `file ${id}: ${name}`;
      if (remap.kind === 'ghost') return `file ${id}: ${name}, deleted: made from its ghost image`;
      return `file ${id}: ${name}, through the link ${this.#images.byId.get(remap.target)!.reg!.name}`;
    });
  }
}

/** A deleted file, made from its image. */
class GhostBody implements Body {
  readonly ghost: Ghost;
  readonly names: readonly Wanted[];
  constructor(ghost: Ghost, names: readonly Wanted[]) {
    this.ghost = ghost;
    this.names = names;
  }
  get isDirectory(): boolean {
    return this.ghost.isDirectory;
  }
  make(b: Batch, dir: Ref, base: Uint8Array): { made: Ref; fd: Ref } {
    return this.ghost.make(b, dir, base);
  }
}

/** A file that has another name by now. */
class LinkBody implements Body {
  readonly isDirectory = false;
  readonly names: readonly Wanted[];
  #source: Ref | undefined;
  constructor(names: readonly Wanted[]) {
    this.names = names;
  }
  /** Opens what the dump has linked. The batch must run before the rest: the puppet links it again by its number. */
  open(b: Batch, opens: VerifiedOpens): void {
    const { found } = this.names[0]!;
    if (!found) return; // it was refused
    using _doing = b.doing(`opening ${found.path}`);
    this.#source = opens.open(b, found, O_PATH | O_NOFOLLOW);
  }
  close(b: Batch): void {
    if (this.#source) b.call('close', this.#source);
  }
  make(b: Batch, dir: Ref, base: Uint8Array): { made: Ref; fd: undefined } {
    const from = `/proc/self/fd/${this.#source!.value}`;
    return { made: b.call('linkat', AT_FDCWD, from, dir, base, AT_SYMLINK_FOLLOW), fd: undefined };
  }
}

/** What a user gives is compared with what matters to who has it open. */
const NOTHING_TOLD = {
  id: 0,
  flags: 0,
  pos: 0n,
  fown: { uid: 0, euid: 0, signum: 0, pid_type: 0, pid: 0 },
} satisfies Partial<RegFileEntry>;

/** One of crit's own descriptors, as if it had been found by name. */
function foundAt(root: LookupRoot, fd: number): Found {
  const stat = fstatSync(fd, { bigint: true });
  return { root, path: `descriptor ${fd} of crit`, dev: stat.dev, ino: stat.ino, stat, links: [] };
}

/** Is it below /proc/PID? */
function ofProcess(name: string): boolean {
  return /^\/proc\/\d/.test(name);
}
