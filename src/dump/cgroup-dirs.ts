import { readdirSync, readFileSync, statSync, type Stats } from 'node:fs';
import path from 'node:path';
import type { CgroupOptions } from '../image/cgroup-mode.js';
import { CritError } from '../image/errors.js';
import type { Messages } from '../image/generated/messages.js';
import type { Freezer } from './freezer.js';
import { cgroupFiles, TASK_LISTS } from '../kernel/cgroup-files.js';

type Directory = Messages['cgroup_dir_entry'];
type Property = Messages['cgroup_prop_entry'];

/** A user who may make groups below one of his can make many. */
const DIRECTORIES_MAX = 10_000;
/** What the kernel says of a number without a limit in version 1: the largest multiple of a page. */
const NO_LIMIT = 9223372036854771712n;

/** Reads control groups with what is below them and how they are set: what a restore makes anew where they are gone. */
export class CgroupDirs {
  readonly #options: CgroupOptions;
  readonly #frozen: string | undefined;
  #seen = 0;

  /** @param freezer what it has thawed for the time of the dump is kept as it was */
  constructor(options: CgroupOptions, freezer: Freezer | undefined) {
    this.#options = options;
    this.#frozen = freezer?.wasFrozen ? freezer.dir : undefined;
  }

  /** A group as a whole. @param mount where its hierarchy is @param name its path, without the first slash */
  whole(mount: string, name: string, controllers: readonly string[]): Directory {
    const files = cgroupFiles(controllers, this.#options.props, this.#options.only);
    return this.#read(path.join(mount, name), name, files);
  }

  /** A group that others are in, too: its owner and mode alone. */
  outside(mount: string, name: string): Directory {
    const stat = statSync(path.join(mount, name), { throwIfNoEntry: false });
    return { dir_name: name, ...(stat && { dir_perms: permsOf(stat) }) };
  }

  #read(dir: string, name: string, files: readonly string[]): Directory {
    if (++this.#seen > DIRECTORIES_MAX)
      throw new CritError(
        `there are more than ${DIRECTORIES_MAX} control groups below those of the tree: --manage-cgroups=ignore leaves them alone`,
        { code: 'CGROUP' },
      );
    const stat = statSync(dir, { throwIfNoEntry: false });
    if (!stat) return { dir_name: name };
    const children = readdirSync(dir, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map((entry) => this.#read(path.join(dir, entry.name), entry.name, files));
    return {
      dir_name: name,
      dir_perms: permsOf(stat),
      properties: [
        ...files.flatMap((file) => propertyOf(dir, file) ?? []),
        ...(dir === this.#frozen ? [propertyOf(dir, 'freezer.state') ?? []].flat() : []),
      ].map((property) => (dir === this.#frozen ? asFrozen(property) : property)),
      ...(children.length > 0 && { children }),
    };
  }
}

/** The state of a group that was frozen before the dump. */
function asFrozen(property: Property): Property {
  const value = { 'freezer.state': 'FROZEN', 'cgroup.freeze': '1' }[property.name];
  return value === undefined ? property : { ...property, value };
}

const permsOf = ({ mode, uid, gid }: Stats): Messages['cgroup_perms'] => ({ mode, uid, gid });

/** @returns undefined when this kernel, or this group, has no such file, or tells nothing there */
function propertyOf(dir: string, name: string): Property | undefined {
  const file = path.join(dir, name);
  try {
    const perms = permsOf(statSync(file));
    return { name, value: TASK_LISTS.has(name) ? '' : valueOf(name, readFileSync(file, 'utf8')), perms };
  } catch {
    return undefined;
  }
}

/** What is to be written to have it again. */
function valueOf(name: string, text: string): string {
  const value = text.trim();
  // the first line alone can be written: "oom_kill_disable 0"
  if (name === 'memory.oom_control') return /^oom_kill_disable (\d)/.exec(value)?.[1] ?? value;
  return /^\d{19}$/.test(value) && BigInt(value) >= NO_LIMIT ? '-1' : value;
}
