import type { Pid } from '../image/pid.js';
import { REG, setCall } from '../arch/index.js';
import { PTRACE_EVENT_STOP } from '../kernel/uapi/ptrace.js';
import { ERRNO } from '../kernel/uapi/errno.js';
import { readMemory, writeMemory } from './remote-memory.js';
import type { Resumption } from './restart.js';
import { millisecondsOf, timespecOf } from './time-limit.js';
import type { Tracee } from './tracee.js';

/**
 * Lets a stopped thread make a call and interrupts it before it can wait: a sleep, poll or futex wait then stands in the
 * kernel as if it had been interrupted long ago, and goes on by itself when the thread is let go with the result in its
 * ax and the number of the call in orig_ax. `instruction` is the address of a `syscall` that the thread has mapped, which
 * returns onto `home` should crit die meanwhile. Its registers are spoilt. 2 stops.
 * @param rooms addresses of private memory of the process, none of whose threads may run: the first that can be written lends
 *   a few bytes
 * @returns what to put into ax: -516, or the call's result if there was nothing to wait for
 */
export function resumeCall(
  tracee: Tracee,
  call: Resumption,
  instruction: number,
  home: number | undefined,
  rooms: readonly number[],
): bigint {
  const args = [...call.args];
  const { left } = call;
  if (left?.limit.unit === 'ms') args[left.limit.argument] = millisecondsOf(left.leftNs);
  else if (left) {
    const lent = lend(tracee.tid, rooms, timespecOf(left.leftNs));
    if (!lent) return BigInt.asUintN(64, BigInt(-ERRNO.EINTR));
    args[left.limit.argument] = BigInt(lent.address);
    try {
      return make(tracee, call.nr, args, instruction, home);
    } finally {
      writeMemory(tracee.tid, lent.address, lent.bytes);
    }
  }
  return make(tracee, call.nr, args, instruction, home);
}

function make(
  tracee: Tracee,
  nr: number,
  args: readonly bigint[],
  instruction: number,
  home: number | undefined,
): bigint {
  const regs = tracee.getRegs().slice();
  setCall(regs, nr, args, instruction);
  if (home !== undefined) regs[REG.sp] = BigInt(home);
  tracee.setRegs(regs);
  do tracee.toSyscall();
  while (!tracee.wait().syscall);
  // It stands at the entry of the call: asked to stop again, it finds that out instead of going to sleep.
  tracee.interrupt();
  for (;;) {
    tracee.cont();
    const stop = tracee.wait();
    if (stop.event === PTRACE_EVENT_STOP) break;
  }
  return tracee.getRegs()[REG.result]!;
}

/** @returns where the bytes are and what stood there, or undefined if there is no room */
function lend(tid: Pid, rooms: readonly number[], bytes: Uint8Array): { address: number; bytes: Buffer } | undefined {
  for (const address of rooms)
    try {
      const before = readMemory(tid, address, bytes.length);
      writeMemory(tid, address, bytes);
      return { address, bytes: before };
    } catch {
      // nothing is mapped there, or it is guarded
    }
  return undefined;
}
