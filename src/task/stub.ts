import { closeSync, existsSync, openSync, readFileSync, writeSync } from 'node:fs';
import { addon, nativeFile } from '../native/addon.js';
import { cString, SysError, sys, sysRaw } from '../native/sys.js';
import { errnoCode, errnoWords } from '../kernel/errno.js';
import { CritError } from '../image/errors.js';
import * as P from '../kernel/ptrace.js';
import { Area } from './area.js';
import * as L from './generated/layout.js';
import { Puppet } from './puppet.js';
import type { Ring } from './ring.js';
import { isDead, Tracee } from './tracee.js';

const MFD_CLOEXEC = 1;
const MFD_EXEC = 0x10;
const CLONE_PARENT = 0x8000;
const EEXIST = 17;
const EINVAL = 22;
const EMFILE = 24;

/** An anonymous file that may be executed; where vm.memfd_noexec forbids it, the caller's file is used instead. */
function execMemfd(name: string): number {
  let fd = sysRaw('memfd_create', cString(name), MFD_CLOEXEC | MFD_EXEC);
  if (fd === -EINVAL) fd = sysRaw('memfd_create', cString(name), MFD_CLOEXEC);
  return fd;
}

/** Creates the control area of a restore: shared by all its puppets at the same address. */
export function createArea(base: number, sizeBytes: number): { area: Area; fd: number } {
  const fd = execMemfd('crit-area');
  if (fd < 0) throw new SysError('memfd_create', -fd, 'for the control area');
  sys('ftruncate', fd, sizeBytes);
  return { area: new Area(fd, base, sizeBytes), fd };
}

export interface SpawnOptions {
  area: Area;
  areaFd: number;
  ring: Ring;
  /** The dumped pid, innermost pid namespace first (clone3(2), set_tid); empty for any. */
  setTid: readonly number[];
  /** Descriptors of crit that become 0, 1, 2, then 4, 5, ... of the puppet (3 is the area's); -1 for none. */
  keep: readonly number[];
  /** Make it a sibling of crit, not a child (--restore-sibling). */
  sibling?: boolean;
  /** Offsets of the time namespace that it is to be in, as timens_offsets wants them; in crit's own without. */
  clocks?: string | undefined;
  /** Leave it to its ring alone; it still ends when crit does. */
  untraced?: boolean;
}

/** How long a pid that a dying process still holds is waited for, ms. */
const PID_WAIT_MS = 3000;

/**
 * Starts the stub as a new process with the dumped pid and seizes it: it runs the blob, and dies with crit.
 * @throws CritError PID_IN_USE, naming the holder
 */
export function spawnPuppet(options: SpawnOptions): Puppet {
  const { area, ring } = options;
  ring.set(L.RING_ON_DEATH, L.DEATH_EXIT);
  const view = new DataView(area.buffer);
  view.setBigUint64(L.STUB_PARAM_BASE, BigInt(area.base), true);
  view.setBigUint64(L.STUB_PARAM_SIZE, BigInt(area.sizeBytes), true);
  view.setBigUint64(L.STUB_PARAM_RING, BigInt(ring.address), true);
  const path = nativeFile('puppet/stub');
  let stub = execMemfd('crit-stub');
  if (stub >= 0) writeSync(stub, readFileSync(path));
  else stub = openSync(path, 'r');
  try {
    const flags = options.sibling ? CLONE_PARENT : 0;
    const until = Date.now() + PID_WAIT_MS;
    let pid: number;
    for (;;) {
      pid = addon().spawnStub(
        stub,
        options.areaFd,
        Int32Array.from(options.keep),
        Int32Array.from(options.setTid),
        flags,
        options.clocks,
      );
      if (pid !== -EEXIST || Date.now() > until || isHeld(options.setTid[0]!)) break;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 10);
    }
    if (pid === -EEXIST) throw pidInUse(options.setTid[0]!);
    if (pid < 0) throw cannotStart(options.setTid[0], -pid);
    if (options.untraced) return new Puppet(ring, pid);
    return new Puppet(
      ring,
      pid,
      Tracee.seize(pid, P.PTRACE_O_EXITKILL | P.PTRACE_O_TRACESYSGOOD | P.PTRACE_O_SUSPEND_SECCOMP),
    );
  } finally {
    closeSync(stub);
  }
}

/** A process that lives on has the pid: waiting is of no use. */
export function isHeld(pid: number): boolean {
  return existsSync(`/proc/${pid}`) && !isDead(pid);
}

/** Why a task could not be started: the kernel says EINVAL for a pid that it does not hand out, and for other things. */
export function cannotStart(pid: number | undefined, errno: number): CritError {
  const max = Number(readFileSync('/proc/sys/kernel/pid_max', 'utf8'));
  if (errno === EINVAL && pid !== undefined && pid >= max)
    return new CritError(`pid ${pid} cannot be had here (pid_max is ${max}): raise kernel.pid_max`, {
      code: 'PID_TOO_LARGE',
    });
  const hint = errno === EINVAL || errno === EMFILE ? ': does crit have descriptors left (ulimit -n)?' : '';
  return new CritError(`cannot start a task with pid ${pid ?? 'any'} : ${errnoWords(errno)}${hint}`, {
    code: errnoCode(errno),
  });
}

/** Says who holds a pid that is wanted. */
export function pidInUse(pid: number): CritError {
  let who = 'another task';
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8');
    const field = (name: string) => new RegExp(`^${name}:\\s*(.*)$`, 'm').exec(status)?.[1] ?? '?';
    if (field('Tgid') === String(process.pid)) who = pid === process.pid ? 'crit itself' : 'a thread of crit';
    else
      who = field('State').startsWith('Z')
        ? `a zombie (${field('Name')}) that its parent ${field('PPid')} has not waited for`
        : `${field('Name')} (state ${field('State')})`;
  } catch {
    // a thread id or a session or group id that is still in use has no /proc entry of its own
  }
  return new CritError(`pid ${pid} is in use by ${who}: end it, or restore in a new pid namespace`, {
    code: 'PID_IN_USE',
  });
}
