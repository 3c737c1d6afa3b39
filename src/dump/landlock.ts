import { closeSync, openSync, readSync, writeSync } from 'node:fs';
import { CritError } from '../image/errors.js';
import { hasCapability } from '../kernel/uapi/capability.js';
import { ERRNO, errnoCode, errnoWords } from '../kernel/uapi/errno.js';
import { MFD_CLOEXEC } from '../kernel/uapi/mman.js';
import { O_CLOEXEC } from '../kernel/uapi/open-flags.js';
import type { ProcStatus } from '../kernel/proc/status.js';
import { POLLIN } from '../kernel/uapi/socket.js';
import { __WALL } from '../kernel/uapi/wait.js';
import { addon, nativeFile } from '../native/addon.js';
import { pollFd } from '../native/poll.js';
import { answer, cString, sys, sysRaw } from '../native/sys.js';
import type { Batch } from '../task/batch.js';

// A thread in a landlock(7) domain shows it nowhere. But it may look at no process outside of its domain: an unprivileged
// thread is let look at one with its own ids and no more rights, unless it is in a sandbox.

/** landlock_create_ruleset(2): asks for the version. */
const LANDLOCK_CREATE_RULESET_VERSION = 1;
/** Milliseconds that a stand-in may take to get ready. */
const READY_MS = 2000;

let present: boolean | undefined;

const hasLandlock = (): boolean =>
  (present ??=
    answer('landlock_create_ruleset', sysRaw('landlock_create_ruleset', null, 0, LANDLOCK_CREATE_RULESET_VERSION), [
      'ENOSYS',
      'EOPNOTSUPP',
    ]) !== undefined);

/** Processes of crit's with the ids of dumped ones, which a thread of these ids is to look at. */
export class StandIns implements Disposable {
  readonly #pids = new Map<string, number>();

  /** Starts the one for a process, if there is none: about 2 ms, best before the stop. */
  prepare(status: ProcStatus): void {
    if (hasLandlock()) this.of(status);
  }

  of({ uid, gid, capEff }: ProcStatus): number {
    if (hasCapability(capEff, 'CAP_SYS_PTRACE')) return process.pid;
    const key = `${uid.real}:${gid.real}`;
    let pid = this.#pids.get(key);
    if (pid === undefined) this.#pids.set(key, (pid = start(uid.real, gid.real)));
    return pid;
  }

  [Symbol.dispose](): void {
    for (const pid of this.#pids.values()) end(pid);
    this.#pids.clear();
  }
}

function start(uid: number, gid: number): number {
  const program = openSync(nativeFile('puppet/stand-in'), 'r');
  const order = sys('memfd_create', cString('crit-order'), MFD_CLOEXEC);
  const pipe = new Int32Array(2);
  sys('pipe2', pipe, O_CLOEXEC);
  const [ready, write] = [pipe[0]!, pipe[1]!];
  let open = true;
  try {
    writeSync(order, new Uint8Array(Uint32Array.of(uid, gid, process.pid).buffer));
    const pid = addon().spawnStub(program, order, Int32Array.of(order, write, -1), new Int32Array(), 0);
    closeSync(write);
    open = false;
    if (pid < 0)
      throw new CritError(`cannot start the process that tells of landlock: ${errnoWords(-pid)}`, {
        code: errnoCode(-pid),
      });
    if (pollFd(ready, POLLIN, READY_MS) > 0 && readSync(ready, new Uint8Array(1)) === 1) return pid;
    end(pid);
    throw new CritError(`the process that tells of landlock (uid ${uid}, gid ${gid}) does not start`, {
      code: 'TIMEOUT',
    });
  } finally {
    if (open) closeSync(write);
    closeSync(ready);
    closeSync(order);
    closeSync(program);
  }
}

function end(pid: number): void {
  sysRaw('kill', pid, 9);
  sysRaw('wait4', pid, null, __WALL, null);
}

/**
 * Finds out whether a thread is in a sandbox: 1 operation of its batch (get_robust_list(2) looks as ptrace(2) would, and
 * only reads).
 * @returns what throws CritError UNSUPPORTED if so
 */
export function askSandbox(b: Batch, tid: number, status: ProcStatus, standIns: StandIns): () => void {
  if (!hasLandlock()) return () => undefined;
  const target = standIns.of(status);
  const looked = b.tryCall('get_robust_list', target, b.out(8), b.out(8));
  return () => {
    if (looked.value >= 0) return;
    if (looked.value === -ERRNO.EPERM)
      throw new CritError(
        `task ${tid} of process ${status.tgid} is restricted by landlock, or by another security module: not supported`,
        { code: 'UNSUPPORTED' },
      );
    throw new CritError(
      `it cannot be told whether task ${tid} is restricted by landlock: ${errnoWords(-looked.value)}`,
      { code: 'UNSUPPORTED' },
    );
  };
}
