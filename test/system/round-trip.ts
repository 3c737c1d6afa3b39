import assert from 'node:assert/strict';
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import {
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readdirSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { guard, unguard } from '../guard.js';
import { moveToOwnNamespaces } from '../own-network.js';
import { CRIT, program } from '../programs.js';
import { NEEDS_ROOT } from '../root.js';

// numbers of ports and of System V objects that a dump frees are nobody else's before the restore
if (NEEDS_ROOT === false) moveToOwnNamespaces();

export const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** How long a machine with much else to do may take for what takes a moment. */
const PATIENCE_MS = 60_000;

/** Waits until something is so, as long as a test can wait. @returns whether it came to be so */
export async function comes(isSo: () => boolean, patienceMs = PATIENCE_MS): Promise<boolean> {
  for (const end = performance.now() + patienceMs; !isSo(); await sleep(10)) if (performance.now() > end) return isSo();
  return true;
}

/** A run of crit that takes longer hangs; a busy machine is slow. */
const LONGEST_MS = 300_000;
const TERMINAL_IN_USE = /the terminal \S+ of the images cannot be had: it is another's by now/;
const TERMINAL_TRIES = 80;

/** Whether it is there and no zombie. */
export function isAlive(pid: number): boolean {
  try {
    return !/^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}

/** Waits until a process, and each of its threads, waits in the kernel: it has come to where it stays. */
export async function sleeps(pid: number): Promise<void> {
  const tasks = () =>
    readdirSync(`/proc/${pid}/task`).map((tid) => [
      /^State:\s+(\w)/m.exec(readFileSync(`/proc/${pid}/task/${tid}/status`, 'utf8'))![1],
      readFileSync(`/proc/${pid}/task/${tid}/syscall`, 'utf8'),
      readFileSync(`/proc/${pid}/task/${tid}/schedstat`, 'utf8'),
    ]);
  let before: unknown;
  const isAtRest = () => {
    const now = tasks();
    const same = isDeepStrictEqual(now, before);
    before = now;
    return same && now.every(([state]) => state === 'S');
  };
  for (let looks = 0; looks < 3; looks = isAtRest() ? looks + 1 : 0) {
    if (!(await comes(isAtRest))) throw new Error(`process ${pid} does not come to rest`);
    await sleep(20);
  }
}

/** Waits until processes have ended. */
export const ended = (...pids: readonly number[]): Promise<boolean> => comes(() => !pids.some(isAlive));

/** Waits until processes have ended and were waited for: their numbers are free. */
export const gone = (...pids: readonly number[]): Promise<boolean> =>
  comes(() => !pids.some((pid) => existsSync(`/proc/${pid}`)));

/** What a crit command did. */
export interface Done {
  status: number | null;
  stdout: string;
  stderr: string;
}

/** Runs crit with nothing but PATH in its environment. */
export const crit = (...args: string[]): Done => run(CRIT, args);

function run(command: string, args: readonly string[]): Done {
  const { status, stdout, stderr } = spawnSync(command, args, {
    encoding: 'utf8',
    env: { PATH: process.env['PATH'] },
    timeout: LONGEST_MS,
    killSignal: 'SIGKILL',
  });
  return { status, stdout, stderr };
}

/** Files of /dev/shm that servers have mapped, and remove at an orderly end alone. */
function sharedMemoryOf(pid: number): string[] {
  try {
    return readFileSync(`/proc/${pid}/maps`, 'latin1').match(/\/dev\/shm\/(?:PostgreSQL\.|psm_|sem\.)\S+$/gm) ?? [];
  } catch {
    return []; // it ended
  }
}

/**
 * A program in a session of its own, with /dev/null as input and a file as output, in a fresh directory; its images go
 * to `images`. Disposing ends it wherever it is in its life. A directory is kept, and its name printed, when a test
 * fails before `passed` is called.
 */
export class Subject implements AsyncDisposable {
  readonly dir = mkdtempSync(path.join(tmpdir(), 'crit-test-'));
  images = path.join(this.dir, 'images');
  /** The commands that dump and restore it: crit, or another with the same options. */
  dumpedBy = CRIT;
  restoredBy = CRIT;
  /** A command that runs both where the program is. */
  inside: readonly string[] = [];
  readonly #child: ChildProcess;
  readonly #exit: Promise<unknown>;
  /** Who was in the tree: when the root ends first, its children are not found below it any more. */
  readonly #seen = new Set<number>();
  #passed = false;

  /** @param prepare works in the directory before the program is started there */
  constructor(
    command: string,
    args: readonly string[],
    env: Record<string, string> = {},
    prepare: (dir: string) => void = () => undefined,
  ) {
    mkdirSync(this.images);
    prepare(this.dir);
    writeFileSync(path.join(this.dir, 'out'), '');
    const input = openSync('/dev/null', 'r');
    const output = openSync(path.join(this.dir, 'out'), 'a');
    this.#child = spawn(command, args, {
      cwd: this.dir,
      detached: true,
      stdio: [input, output, output],
      env: { PATH: process.env['PATH'], ...env },
    });
    closeSync(input);
    closeSync(output);
    this.#exit = new Promise((resolve) => this.#child.once('exit', resolve));
    guard(this.#child.pid!, this.dir);
  }

  /** Starts a program of test/programs and waits until it has said that it is ready. */
  static async ready(name: string, ...args: string[]): Promise<Subject> {
    const subject = new Subject(program(name), args);
    await subject.says('ready');
    return subject;
  }

  get pid(): number {
    return this.#child.pid!;
  }

  get output(): string {
    return readFileSync(path.join(this.dir, 'out'), 'utf8');
  }

  /** Waits for a text in the output, from `after` characters on. */
  async says(text: string | RegExp, after = 0, patienceMs = PATIENCE_MS): Promise<void> {
    const isSaid = () => {
      const out = this.output.slice(after);
      return typeof text === 'string' ? out.includes(text) : text.test(out);
    };
    if (await comes(isSaid, patienceMs)) return;
    throw new Error(`"${String(text)}" was not said: ${this.output.slice(after)} (${this.dir})`);
  }

  /** Waits for output beyond what is there now. */
  async saysMore(): Promise<void> {
    const before = this.output.length;
    await this.says(/./s, before);
  }

  #log(name: string): string {
    try {
      return readFileSync(path.join(this.images, name), 'utf8').split('\n').slice(-15).join('\n');
    } catch {
      return '';
    }
  }

  #within(command: string, args: readonly string[]): [string, readonly string[]] {
    const [first, ...rest] = this.inside;
    return first === undefined ? [command, args] : [first, [...rest, command, ...args]];
  }

  /** Dumps it. */
  tryDump(...options: string[]): Done {
    const target = ['-t', String(this.pid), '-D', this.images];
    return run(...this.#within(this.dumpedBy, ['dump', ...target, '-o', 'dump.log', '-v4', ...options]));
  }

  /** Dumps it, waiting until all of it is gone. @throws with the log when crit fails */
  async dump(...options: string[]): Promise<void> {
    const tree = this.tree();
    const done = this.tryDump(...options);
    if (done.status !== 0) throw new Error(`dump: ${done.stderr}${this.#log('dump.log')} (${this.dir})`);
    if (options.includes('-R') || options.includes('-s')) return;
    await this.#exit;
    // the pids are free again when whoever is their parent now has waited for them
    await gone(...tree);
  }

  restore(...options: string[]): void {
    const args = ['restore', '-d', '-D', this.images, '-o', 'restore.log', '-v4', ...options];
    let done: Done;
    // a test beside this one may have got the number of a terminal between dump and restore
    for (let tries = 0; ; tries++) {
      done = run(...this.#within(this.restoredBy, args));
      if (done.status === 0 || tries === TERMINAL_TRIES || !TERMINAL_IN_USE.test(done.stderr)) break;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 250);
    }
    if (done.status !== 0) throw new Error(`restore: ${done.stderr}${this.#log('restore.log')} (${this.dir})`);
  }

  /** The process and its descendants. */
  tree(): number[] {
    const pids: number[] = [];
    const visit = (pid: number) => {
      let tasks: string[];
      try {
        tasks = readdirSync(`/proc/${pid}/task`);
      } catch {
        return;
      }
      pids.push(pid);
      for (const tid of tasks)
        try {
          readFileSync(`/proc/${pid}/task/${tid}/children`, 'utf8')
            .split(' ')
            .filter(Boolean)
            .map(Number)
            .forEach(visit);
        } catch {
          // it ended
        }
    };
    visit(this.pid);
    for (const pid of pids) this.#seen.add(pid);
    return pids;
  }

  /** What is left to do when the processes have ended. */
  protected cleanUp(): void {
    // the directory is all there is
  }

  passed(): void {
    this.#passed = true;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const tree = this.tree();
    const shared = tree.flatMap(sharedMemoryOf);
    for (const pid of this.#seen)
      try {
        if (tree.includes(pid) || readlinkSync(`/proc/${pid}/cwd`).startsWith(this.dir)) process.kill(pid, 'SIGKILL');
      } catch {
        // it ended
      }
    await ended(this.pid);
    for (const file of shared) rmSync(file, { force: true });
    this.cleanUp();
    unguard(this.#child.pid!);
    if (this.#passed) rmSync(this.dir, { recursive: true, force: true });
    else console.log(`kept for a look: ${this.dir} (images, dump.log, restore.log, out)`);
  }
}

/** Asks the program to look at itself and waits for what it says. */
export async function verdict(subject: Subject): Promise<string> {
  const before = subject.output.length;
  subject.tree();
  process.kill(subject.pid, 'SIGUSR1');
  await ended(subject.pid);
  return subject.output.slice(before);
}

/** Dumps and restores a program that verifies itself, and what was restored once more. */
export async function comesBackTwice(subject: Subject): Promise<void> {
  await subject.says('ready');
  for (let i = 0; i < 2; i++) {
    await subject.dump();
    subject.restore();
  }
  assert.equal(await verdict(subject), 'ok\n');
  subject.passed();
}
