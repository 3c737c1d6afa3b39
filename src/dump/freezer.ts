import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { CritError } from '../image/errors.js';
import { systemWords } from '../image/system-words.js';
import { Heir } from '../task/heir.js';
import { nowMs } from '../image/clock.js';
import { sleep } from '../task/wait.js';

/** How control groups are frozen: admin-guide/cgroup-v1/freezer-subsystem.rst, admin-guide/cgroup-v2.rst. */
const VERSIONS = [
  { file: 'freezer.state', frozen: 'FROZEN', thawed: 'THAWED' },
  { file: 'cgroup.freeze', frozen: '1', thawed: '0' },
] as const;

/** A group that does not become frozen is told again: what forks meanwhile can hold it up in version 1. */
const AGAIN_MS = 50;
/** How long a group may take to be thawed. */
const THAW_MS = 1000;

/**
 * The control group by which a tree is stopped for the time in which crit seizes it (--freeze-cgroup): nothing forks or
 * ends then. It is thawed before the first process runs the blob, and what was frozen before is frozen again before it is
 * let go. Should crit be killed, a process that outlives it puts the group back.
 */
export class Freezer implements Disposable {
  /** Whether it was frozen already. */
  readonly wasFrozen: boolean;
  readonly dir: string;
  readonly #kind: (typeof VERSIONS)[number];
  readonly #heir: Heir;
  /** The group may be in another state than it was. */
  #changed = false;

  /** @param name of its directory @throws CritError CGROUP, UNSUPPORTED */
  constructor(name: string) {
    this.dir = path.resolve(name);
    const kind = VERSIONS.find(({ file }) => existsSync(path.join(this.dir, file)));
    if (!kind)
      throw this.#fault('is no control group that can be frozen: it has neither freezer.state nor cgroup.freeze');
    this.#kind = kind;
    if (members(this.dir).has(process.pid)) throw this.#fault('has crit itself in it: start crit in another one');
    this.wasFrozen = this.#read(kind.file) !== kind.thawed;
    this.#heir = new Heir(`echo ${this.#before} >"$1"`, [path.join(this.dir, kind.file)]);
    if (!this.#heir.told) {
      this.#heir[Symbol.dispose]();
      throw this.#fault('has a name that is not ASCII: give it another one for the dump (a bind mount)');
    }
  }

  get #before(): string {
    return this.wasFrozen ? this.#kind.frozen : this.#kind.thawed;
  }

  /** Everything in it stands. @param timeoutSec 0 for ever @throws CritError TIMEOUT */
  freeze(timeoutSec: number): void {
    if (this.wasFrozen) return;
    this.#changed = true;
    const until = timeoutSec > 0 ? nowMs() + timeoutSec * 1000 : Infinity;
    for (let again = 0; ;) {
      if (nowMs() >= again) {
        this.#write(this.#kind.frozen);
        again = nowMs() + AGAIN_MS;
      }
      if (this.#isFrozen()) return;
      if (nowMs() > until)
        throw new CritError(`the control group ${this.dir} could not be frozen in time: see --timeout`, {
          code: 'TIMEOUT',
        });
      sleep(0.2);
    }
  }

  /** What was seized stops in ptrace's way. @throws CritError CGROUP */
  thaw(): void {
    this.#changed = true;
    this.#write(this.#kind.thawed);
    const until = nowMs() + THAW_MS;
    while (this.#isFrozen()) {
      if (nowMs() > until) throw this.#fault('stays frozen: a control group above it is; thaw that');
      sleep(0.2);
    }
    this.#changed = this.wasFrozen;
  }

  /**
   * The group as it was, before the tree is let go.
   * @param ended what crit has killed, also where it has not died yet: after that only a group with others in it is put back
   */
  putBack(ended?: ReadonlySet<number>): void {
    if (!this.#changed) return;
    this.#changed = false;
    if (ended && [...members(this.dir)].every((pid) => ended.has(pid))) return;
    this.#write(this.#before);
  }

  [Symbol.dispose](): void {
    try {
      this.putBack();
    } finally {
      this.#heir[Symbol.dispose]();
    }
  }

  #isFrozen(): boolean {
    if (this.#kind.file === 'freezer.state') return this.#read('freezer.state') === 'FROZEN';
    return /^frozen 1$/m.test(this.#read('cgroup.events'));
  }

  #read(file: string): string {
    try {
      return readFileSync(path.join(this.dir, file), 'utf8').trim();
    } catch (error) {
      throw this.#fault(`cannot be asked for ${file}: ${systemWords((error as NodeJS.ErrnoException).code ?? '')}`);
    }
  }

  #write(value: string): void {
    try {
      writeFileSync(path.join(this.dir, this.#kind.file), value);
    } catch (error) {
      throw this.#fault(`cannot be set to ${value}: ${systemWords((error as NodeJS.ErrnoException).code ?? '')}`);
    }
  }

  #fault(what: string): CritError {
    return new CritError(`--freeze-cgroup: ${this.dir} ${what}`, { code: 'CGROUP' });
  }
}

/** The processes in a group, and in those below it. */
function members(dir: string): Set<number> {
  const found = new Set<number>();
  const dirs = [dir];
  for (let at = dirs.pop(); at !== undefined; at = dirs.pop()) {
    try {
      for (const line of readFileSync(path.join(at, 'cgroup.procs'), 'utf8').split('\n'))
        if (line) found.add(Number(line));
      for (const entry of readdirSync(at, { withFileTypes: true }))
        if (entry.isDirectory()) dirs.push(path.join(at, entry.name));
    } catch {
      // a group that has gone meanwhile, or a threaded one, whose processes are above it
    }
  }
  return found;
}
