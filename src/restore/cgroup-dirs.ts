import { chmodSync, chownSync, existsSync, mkdirSync, readFileSync, rmdirSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { imageFileName } from '../image/catalogue.js';
import type { CgroupMode, CgroupOptions } from '../image/cgroup-mode.js';
import { CritError } from '../image/errors.js';
import type { Messages } from '../image/generated/messages.js';
import type { Log } from '../image/log.js';
import { whyFailed } from '../image/system-words.js';
import { BEFORE_TASKS, FREEZERS, isCgroupFile, TASK_LISTS } from '../kernel/cgroup-files.js';
import { S_IALLUGO } from '../kernel/uapi/stat.js';
import type { Refuse } from './refuse.js';

type Property = Messages['cgroup_prop_entry'];

/** A control group of the images. */
interface Group {
  readonly dir: string;
  readonly entry: Messages['cgroup_dir_entry'];
  /** It is to be made. */
  readonly isNew: boolean;
}

const WRITES_EXISTING: readonly CgroupMode[] = ['props', 'full'];
const NEEDS_EXISTING: readonly CgroupMode[] = ['none', 'props'];
const DIRECTORY_MODE = 0o755;

const bad = (what: string) => new CritError(`${imageFileName('CGROUP')}: ${what}`, { code: 'BAD_IMAGE' });

/**
 * The control groups themselves: those that are gone are made, and get the limits and owners of the images, as
 * --manage-cgroups has it. After a failure those that were made are removed, and what was changed is set back.
 */
export class CgroupDirs {
  readonly #options: CgroupOptions;
  readonly #log: Log;
  readonly #groups: Group[] = [];
  readonly #undo: (() => void)[] = [];

  /** @param mountOf where a hierarchy is mounted, by its controllers @throws CritError BAD_IMAGE; others go to `refuse` */
  constructor(
    { controllers = [] }: Messages['cgroup_entry'],
    options: CgroupOptions,
    mountOf: (controllers: string) => string | undefined,
    log: Log,
    refuse: Refuse,
  ) {
    this.#options = options;
    this.#log = log;
    for (const { cnames = [], dirs = [] } of controllers) {
      const mount = mountOf(cnames.join(','));
      if (mount !== undefined) for (const entry of dirs) this.#add(mount, entry, refuse);
    }
  }

  #add(above: string, entry: Group['entry'], refuse: Refuse): void {
    const { dir_name: name, children = [], properties = [] } = entry;
    if (name.split('/').some((part) => part === '.' || part === '..') || name.includes('\0'))
      throw bad(`${JSON.stringify(name)} is no name of a control group`);
    for (const { name: file } of properties)
      if (!isCgroupFile(file, this.#options.props))
        throw bad(`${JSON.stringify(file)} is no setting of a control group: --cgroup-props can name it`);
    const dir = path.join(above, name);
    const { mode } = this.#options;
    const isNew = !existsSync(dir);
    const refuseIt = (what: string) => {
      refuse(new CritError(`the control group ${dir} ${what} (--manage-cgroups=${mode})`, { code: 'CGROUP' }));
    };
    // the root of a hierarchy is there always, and belongs to nobody
    if (dir !== above) {
      if (isNew && NEEDS_EXISTING.includes(mode)) refuseIt('does not exist: make it, or use the mode soft');
      // what is kept of a group that others are in, too, is its name alone
      if (!isNew && mode === 'strict' && properties.length > 0)
        refuseIt('exists already: remove it, or use the mode soft');
      this.#groups.push({ dir, entry, isNew });
    }
    for (const child of children) this.#add(dir, child, refuse);
  }

  /** Whether a name leads, by whatever mount, to a group that is to be made, or to a file in one. */
  makes(name: string): boolean {
    const wanted = missingPart(name);
    return this.#groups.some(({ dir, isNew }) => {
      if (!isNew) return false;
      const group = missingPart(dir);
      const same = group.dev === wanted.dev && group.ino === wanted.ino && group.rest !== '';
      return same && [wanted.rest, path.dirname(wanted.rest)].includes(group.rest);
    });
  }

  /** Before there are tasks: makes groups, and sets what must be set before any task is in them. */
  make(): void {
    for (const { dir, entry, isNew } of this.#groups) {
      if (!isNew) continue;
      this.#mkdir(dir);
      if (entry.dir_perms) this.#own(dir, entry.dir_perms);
      this.#fillCpuset(dir);
      this.#set(dir, entry.properties, (name) => BEFORE_TASKS.has(name));
    }
  }

  /** When all tasks are in their groups: their limits. */
  limit(): void {
    for (const group of this.#written()) {
      const { properties, dir_perms } = group.entry;
      if (!group.isNew) {
        if (dir_perms) this.#own(group.dir, dir_perms);
        this.#set(group.dir, properties, (name) => BEFORE_TASKS.has(name));
      }
      this.#set(group.dir, properties, (name) => !BEFORE_TASKS.has(name) && !FREEZERS.has(name));
    }
  }

  /** When the tree runs: groups that were frozen. Must not fail. */
  freeze(): void {
    for (const { dir, entry } of this.#written())
      for (const { name, value } of entry.properties ?? []) {
        if (!FREEZERS.has(name) || value === 'THAWED' || value === '0') continue;
        try {
          writeFileSync(path.join(dir, name), value);
        } catch (error) {
          this.#log.error(`${path.join(dir, name)} cannot be set to ${value}: ${whyFailed(error)}`);
        }
      }
  }

  /** After a failure, when nobody is in the groups any more. */
  undo(): void {
    for (const step of this.#undo.splice(0).reverse())
      try {
        step();
      } catch (error) {
        this.#log.warn(`a control group was changed and cannot be set back: ${whyFailed(error)}`);
      }
  }

  planLines(): string[] {
    return this.#groups.map(({ dir, isNew }) => `control group ${dir}: ${isNew ? 'is made' : 'is there'}`);
  }

  #written(): readonly Group[] {
    const existing = WRITES_EXISTING.includes(this.#options.mode);
    return this.#groups.filter(({ isNew }) => isNew || existing);
  }

  #mkdir(dir: string): void {
    if (existsSync(dir)) return; // also named by another entry
    const above = path.dirname(dir);
    if (!existsSync(above)) this.#mkdir(above);
    attempt(`the control group ${dir} cannot be made`, () => {
      mkdirSync(dir, { mode: DIRECTORY_MODE });
    });
    this.#undo.push(() => {
      rmdirSync(dir);
    });
  }

  /** A new group of version 1's cpuset takes no tasks before it has processors and memory: those of the group above. */
  #fillCpuset(dir: string): void {
    for (const name of ['cpuset.cpus', 'cpuset.mems']) {
      const file = path.join(dir, name);
      if (!existsSync(file) || existsSync(path.join(dir, 'cgroup.type')) || readFileSync(file, 'utf8').trim() !== '')
        continue;
      const above = path.join(path.dirname(dir), name);
      attempt(`${file} cannot be set`, () => {
        writeFileSync(file, readFileSync(above, 'utf8').trim());
      });
    }
  }

  #own(file: string, { uid, gid, mode }: Messages['cgroup_perms']): void {
    const before = statSync(file);
    const wanted = mode & S_IALLUGO;
    if (before.uid === uid && before.gid === gid && (before.mode & S_IALLUGO) === wanted) return;
    attempt(`owner and mode of ${file} cannot be set`, () => {
      chownSync(file, uid, gid);
      chmodSync(file, wanted);
    });
    this.#undo.push(() => {
      if (!existsSync(file)) return;
      chownSync(file, before.uid, before.gid);
      chmodSync(file, before.mode & S_IALLUGO);
    });
  }

  /** Some settings forbid the values of others until these are changed: what fails is tried again after the rest. */
  #set(dir: string, properties: readonly Property[] = [], wanted: (name: string) => boolean): void {
    let left = properties.filter(({ name }) => wanted(name));
    for (;;) {
      const failed: { property: Property; error: unknown }[] = [];
      for (const property of left)
        try {
          this.#write(dir, property);
        } catch (error) {
          failed.push({ property, error });
        }
      const [first] = failed;
      if (!first) return;
      if (failed.length === left.length)
        attempt(
          `${path.join(dir, first.property.name)} cannot be set to ${JSON.stringify(first.property.value)}`,
          () => {
            throw first.error;
          },
        );
      left = failed.map(({ property }) => property);
    }
  }

  #write(dir: string, { name, value, perms }: Property): void {
    const file = path.join(dir, name);
    if (!existsSync(file)) {
      this.#log.warn(`${file} is not there: ${JSON.stringify(value)} is not restored`);
      return;
    }
    // one that can only be written shows what it has in another file
    if (perms && name !== 'devices.list') this.#own(file, perms);
    if (TASK_LISTS.has(name)) return;
    if (name === 'devices.list') {
      this.#writeDevices(dir, value);
      return;
    }
    if (name === 'cgroup.type') {
      if (value === 'threaded') writeFileSync(file, value);
      return;
    }
    const before = readFileSync(file, 'utf8').trim();
    if (before === value || isUnlimited(before, value)) return;
    const to = (from: string, wanted: string) => {
      if (name === 'cgroup.subtree_control') writeFileSync(file, subtreeChange(from, wanted));
      else for (const line of linesOf(name, wanted)) writeFileSync(file, line);
    };
    to(before, value);
    this.#undo.push(() => {
      if (existsSync(file)) to(value, before);
    });
  }

  /** The list can only be read: what it has is denied first, then allowed line by line. */
  #writeDevices(dir: string, value: string): void {
    const before = readFileSync(path.join(dir, 'devices.list'), 'utf8').trim();
    if (before === value) return;
    const to = (wanted: string) => {
      writeFileSync(path.join(dir, 'devices.deny'), 'a');
      for (const line of wanted.split('\n').filter(Boolean)) writeFileSync(path.join(dir, 'devices.allow'), line);
    };
    to(value);
    this.#undo.push(() => {
      if (existsSync(dir)) to(before);
    });
  }
}

/** What is not there of a path, and the directory that it would be in. */
function missingPart(name: string): { dev: bigint; ino: bigint; rest: string } {
  let above = name;
  while (!existsSync(above)) above = path.dirname(above);
  const { dev, ino } = statSync(above, { bigint: true });
  return { dev, ino, rest: path.relative(above, name) };
}

function attempt(what: string, work: () => void): void {
  try {
    work();
  } catch (error) {
    throw new CritError(
      `${what}: ${whyFailed(error)} (--manage-cgroups=none leaves groups as they are, ignore leaves the tasks in crit's own)`,
      { code: 'CGROUP', cause: error },
    );
  }
}

/** "-1" and the largest number are the same limit. */
const isUnlimited = (before: string, value: string): boolean => value === '-1' && /^9223372036854\d{6}$/.test(before);

/** What is written at once: one line of settings by device or interface, of which those that do nothing are left out. */
function linesOf(name: string, value: string): string[] {
  if (name === 'net_prio.ifpriomap') return value.split('\n').filter((line) => !/ 0$/.test(line) && line !== '');
  if (name === 'io.max' || name === 'io.latency') return value.split('\n').filter(Boolean);
  return [value];
}

function subtreeChange(from: string, to: string): string {
  const words = (text: string) => text.split(/\s+/).filter(Boolean);
  const had = words(from);
  const wanted = words(to);
  return [
    ...had.filter((name) => !wanted.includes(name)).map((name) => `-${name}`),
    ...wanted.filter((name) => !had.includes(name)).map((name) => `+${name}`),
  ].join(' ');
}
