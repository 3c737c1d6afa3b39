import { seenByCrit, type ImagePid, type Pid } from '../image/pid.js';
import { closeSync, existsSync, openSync, readFileSync, writeSync } from 'node:fs';
import { addon, nativeFile } from '../native/addon.js';
import { cString, SysError, sys, sysRaw } from '../native/sys.js';
import { ERRNO, errnoCode, errnoWords } from '../kernel/uapi/errno.js';
import { MFD_ALLOW_SEALING, MFD_CLOEXEC, MFD_EXEC } from '../kernel/uapi/mman.js';
import {
  F_ADD_SEALS,
  F_SEAL_FUTURE_WRITE,
  F_SEAL_GROW,
  F_SEAL_SEAL,
  F_SEAL_SHRINK,
} from '../kernel/uapi/open-flags.js';
import { CritError } from '../image/errors.js';
import { CLONE_PARENT } from '../kernel/uapi/clone.js';
import * as P from '../kernel/uapi/ptrace.js';
import { Area, type AreaSize } from './area.js';
import * as L from './generated/layout.js';
import type { Patience } from './patience.js';
import { Puppet } from './puppet.js';
import type { Ring } from './ring.js';
import { isDead, Tracee } from './tracee.js';

/** An anonymous file that may be executed; where vm.memfd_noexec forbids it, one that may not. */
function execMemfd(name: string, flags: number): number {
  let fd = sysRaw('memfd_create', cString(name), flags | MFD_EXEC);
  if (fd === -ERRNO.EINVAL) fd = sysRaw('memfd_create', cString(name), flags);
  return fd;
}

/** A memfd of a size that stays. */
function sized(name: string, sizeBytes: number): number {
  const fd = execMemfd(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
  if (fd < 0) throw new SysError('memfd_create', -fd, 'for the control area');
  sys('ftruncate', fd, sizeBytes);
  return fd;
}

/** The control area of a restore and the files that hold its two parts. */
export interface SharedArea extends Disposable {
  readonly area: Area;
  readonly ordersFd: number;
  readonly answersFd: number;
}

/**
 * Creates the control area of a restore, at the same address in all its puppets. From the moment when crit has mapped
 * the orders nobody else can: not by the descriptor, and not by changing a mapping that was made without the right to
 * write (fcntl(2), F_SEAL_FUTURE_WRITE). The answers are narrowed to each task's own before it gets credentials of its own.
 */
export function createArea(base: number, size: AreaSize): SharedArea {
  const fds: number[] = [];
  const close = () => {
    for (const fd of fds.splice(0)) closeSync(fd);
  };
  try {
    for (const [name, bytes] of [
      ['crit-orders', size.orders],
      ['crit-answers', size.answers],
    ] as const)
      // prettier-ignore
      fds.push(sized(name, bytes));
    const [ordersFd, answersFd] = fds as [number, number];
    const area = new Area([ordersFd, answersFd], base, size);
    sys('fcntl', ordersFd, F_ADD_SEALS, F_SEAL_FUTURE_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL);
    sys('fcntl', answersFd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL);
    return { area, ordersFd, answersFd, [Symbol.dispose]: close };
  } catch (error) {
    close();
    throw error;
  }
}

export interface SpawnOptions {
  area: SharedArea;
  ring: Ring;
  patience: Patience;
  /** The dumped pid, innermost pid namespace first (clone3(2), set_tid); empty for any. */
  setTid: readonly ImagePid[];
  /** Descriptors of crit that become 0, 1 and 2 of the puppet; -1 for none. (3 and 4 are the area's: STUB_FDS.) */
  keep: readonly [number, number, number];
  /** Make it a sibling of crit, not a child (--restore-sibling). */
  sibling?: boolean;
  /** Offsets of the time namespace that it is to be in, as timens_offsets wants them; in crit's own without. */
  clocks?: string | undefined;
}

/** The area's descriptors in the puppet, for it to close. */
export const STUB_FDS = [L.STUB_CONTROL_FD, 4] as const;

/** How long a pid that a dying process still holds is waited for, ms. */
const PID_WAIT_MS = 3000;

/**
 * Starts the stub as a new process with the dumped pid and seizes it: it runs the blob, and dies with crit.
 * @throws CritError PID_IN_USE, naming the holder
 */
export function spawnPuppet(options: SpawnOptions): Puppet {
  const { ring } = options;
  const { area, ordersFd, answersFd } = options.area;
  ring.onDeath(L.DEATH_EXIT);
  const view = new DataView(area.buffer);
  const params: readonly (readonly [number, number])[] = [
    [L.STUB_PARAM_BASE, area.base],
    [L.STUB_PARAM_ORDER_SIZE, area.size.orders],
    [L.STUB_PARAM_ANSWER_SIZE, area.size.answers],
    [L.STUB_PARAM_ANSWER_FD, STUB_FDS[1]],
    [L.STUB_PARAM_RING, ring.address],
    [L.STUB_PARAM_STACK, ring.stackTop],
  ];
  for (const [at, value] of params) view.setBigUint64(at, BigInt(value), true);
  const path = nativeFile('puppet/stub');
  let stub = execMemfd('crit-stub', MFD_CLOEXEC);
  if (stub >= 0) writeSync(stub, readFileSync(path));
  else stub = openSync(path, 'r');
  try {
    const flags = options.sibling ? CLONE_PARENT : 0;
    const until = Date.now() + PID_WAIT_MS;
    let pid: number;
    for (;;) {
      pid = addon().spawnStub(
        stub,
        ordersFd,
        Int32Array.from([...options.keep, answersFd]),
        Int32Array.from(options.setTid),
        flags,
        options.clocks,
      );
      if (pid !== -ERRNO.EEXIST || Date.now() > until || isHeld(seenByCrit(options.setTid[0]!))) break;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 10);
    }
    if (pid === -ERRNO.EEXIST) throw pidInUse(seenByCrit(options.setTid[0]!));
    if (pid < 0) throw cannotStart(options.setTid[0], -pid);
    return new Puppet(
      ring,
      pid,
      options.patience,
      Tracee.seize(pid, P.PTRACE_O_EXITKILL | P.PTRACE_O_TRACESYSGOOD | P.PTRACE_O_SUSPEND_SECCOMP),
    );
  } finally {
    closeSync(stub);
  }
}

/** A process that lives on has the pid: waiting is of no use. */
export function isHeld(pid: Pid): boolean {
  return existsSync(`/proc/${pid}`) && !isDead(pid);
}

/** Why a task could not be started: the kernel says ERRNO.EINVAL for a pid that it does not hand out, and for other things. */
export function cannotStart(pid: ImagePid | undefined, errno: number): CritError {
  const max = Number(readFileSync('/proc/sys/kernel/pid_max', 'utf8'));
  if (errno === ERRNO.EINVAL && pid !== undefined && pid >= max)
    return new CritError(`pid ${pid} cannot be had here (pid_max is ${max}): raise kernel.pid_max`, {
      code: 'PID_TOO_LARGE',
    });
  const hint = errno === ERRNO.EINVAL || errno === ERRNO.EMFILE ? ': does crit have descriptors left (ulimit -n)?' : '';
  return new CritError(`cannot start a task with pid ${pid ?? 'any'} : ${errnoWords(errno)}${hint}`, {
    code: errnoCode(errno),
  });
}

/** Says who holds a pid that is wanted. */
export function pidInUse(pid: Pid): CritError {
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
