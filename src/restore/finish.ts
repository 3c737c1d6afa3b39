import type { ImagePid, Pid } from '../image/pid.js';
import { SIGCHLD, SIGSET_BYTES, SIGSTOP, signalBit } from '../kernel/uapi/signal.js';
import { __WALL, P_PID, WNOHANG, WSTOPPED } from '../kernel/uapi/wait.js';
import { NT_X86_XSTATE, PTRACE_EVENT_STOP } from '../kernel/uapi/ptrace.js';
import { sys } from '../native/sys.js';
import { addon } from '../native/addon.js';
import type { Area } from '../task/area.js';
import type { Batch } from '../task/batch.js';
import { AREA_GO } from '../task/generated/layout.js';
import { runApart } from '../task/own.js';
import { Borrowed } from '../task/borrow.js';
import { BorrowedThread, type BorrowMapping, type PlainCall } from '../task/borrowed-thread.js';
import { giveBackAll } from '../task/give-back.js';
import type { Puppet } from '../task/puppet.js';
import type { WakeUp } from '../task/restart.js';
import { framesBytes, SPARE_OFFSET } from '../task/way-home.js';
import { limitAgain, resumeWait } from './wake-up.js';
import { AFTER_COMMIT } from './births.js';

/** What a thread is to wake up with. */
export interface FinalState extends WakeUp {
  puppet: Puppet;
  /** Makes the thread's XSAVE image out of the one it has now. */
  xstate: (template: Uint8Array) => Uint8Array;
  sigmask: bigint;
}

/** What a process knows of its stopped children. */
export interface StoppedChildren {
  readonly children: number;
  /** Those that it has waited for. */
  readonly told: readonly ImagePid[];
  /** It has a SIGCHLD to take. */
  readonly signalled: boolean;
}

/** A process at the end of its restore. */
export interface Settling {
  pid: Pid;
  /** Leader first. */
  threads: readonly FinalState[];
  mappings: readonly BorrowMapping[];
  /** Where private writable mappings start. */
  rooms: readonly number[];
  /** The signal that it is to stand stopped by, or 0. */
  stopSignal: number;
  /** Children that stand stopped again. */
  stopped: StoppedChildren;
}

/** Bytes of the orders that the frames of a thread can take: what the largest FP state needs. */
export const FRAME_ROOM_BYTES = 20 << 10;

/**
 * Makes a restored tree independent of crit. All threads stand in the blob from here on; each has its way home, to what it
 * was when it was dumped. Until the commit the death of crit ends them (they see the death word), after it they go home.
 *
 * 1. Everybody stops, gets its FP state (which the blob leaves alone), and its way home.
 * 2. PTRACE_O_EXITKILL is taken away: from here on the blob alone decides.
 *
 * @param framesOffset where the orders have FRAME_ROOM_BYTES for each thread
 */
export function prepareLeaving(tasks: readonly Settling[], area: Area, framesOffset: number): Leaving {
  const all = tasks.flatMap(({ threads }) => threads.map(({ puppet }) => puppet.tracee!));
  for (const tracee of all) tracee.halt();
  for (const tracee of all) tracee.waitTrap();
  let room = framesOffset;
  const built = tasks.map(({ pid, threads, mappings, rooms, stopSignal, stopped }) => {
    const borrowed = threads.map((final) => {
      const { regs, sigmask } = final;
      const tracee = final.puppet.tracee!;
      const xstate = final.xstate(tracee.getXstate());
      tracee.setRegset(NT_X86_XSTATE, xstate);
      const thread = new BorrowedThread(tracee, { regs, xstate, sigmask });
      thread.beforeHome = (instruction, home) => resumeWait(tracee, final, instruction, home, rooms);
      thread.whenHome = () => limitAgain(tracee, final);
      return thread;
    });
    const puppets = threads.map(({ puppet }) => puppet);
    const stop = stopSignal ? () => stopJob(pid, borrowed, stopSignal) : undefined;
    const lastCalls = forgetStops(stopped, area, room + SPARE_OFFSET);
    const process = Borrowed.built(area, borrowed, puppets, mappings, room, { whenParked: stop, lastCalls });
    room += framesBytes(borrowed);
    return process;
  });
  for (const tracee of all) tracee.setOptions(AFTER_COMMIT);
  return new Leaving(area, built);
}

/**
 * Calls by which a process takes back what the stops of its children have left in it that was not there: a signal, and what
 * waitid(2) would tell.
 * @param offset of 24 bytes in the orders
 */
function forgetStops({ children, told, signalled }: StoppedChildren, area: Area, offset: number): PlainCall[] {
  const calls = told.map((pid): PlainCall => ['waitid', P_PID, pid, 0, WSTOPPED | WNOHANG | __WALL, 0]);
  if (children === 0 || signalled) return calls;
  const noTime = [0n, 0n];
  area.bytes.set(new Uint8Array(BigUint64Array.of(signalBit(SIGCHLD), ...noTime).buffer), offset);
  const set = area.base + offset;
  return [...calls, ['rt_sigtimedwait', set, 0, set + SIGSET_BYTES, SIGSET_BYTES]];
}

/** A tree that is ready to live by itself. */
export class Leaving {
  readonly #area: Area;
  readonly #processes: readonly Borrowed[];

  constructor(area: Area, processes: readonly Borrowed[]) {
    this.#area = area;
    this.#processes = processes;
  }

  /** The one step that cannot be undone, for all tasks at once: a store that each of them would see. */
  commit(more: readonly ((b: Batch) => void)[]): void {
    if (more.length === 0) {
      this.#area.go();
      return;
    }
    runApart((b) => {
      const go = b.bytes(Uint8Array.of(1, 0, 0, 0));
      b.call('copy', addon().addressOf(this.#area.buffer) + BigInt(AREA_GO), go, 4);
      for (const add of more) add(b);
    });
  }

  /**
   * Takes the tasks out of the blob and lets them run. What fails here fails for crit: the task concerned goes home by
   * itself. @returns what failed
   */
  leave(): Error[] {
    const failures = giveBackAll(this.#processes);
    for (const { threads } of this.#processes)
      for (const { tracee } of threads)
        try {
          tracee.detach();
        } catch (error) {
          failures.push(error as Error);
        }
    return failures;
  }
}

/**
 * Brings a process to its job-control stop while all other signals are still blocked: those that are pending wait for its
 * SIGCONT, as they did. (Sent together with them, a stop signal would be taken after those of lower numbers.)
 *
 * 1. The leader, alone, takes the signal: from here on the stop is due for the whole process.
 * 2. The other threads run into it before any instruction of their own.
 * 3. Whoever is let go by its tracer in a job-control stop stays in it (ptrace(2), PTRACE_DETACH).
 */
function stopJob(pid: Pid, threads: readonly BorrowedThread[], signal: number): void {
  const leader = threads[0]!.tracee;
  if (signal !== SIGSTOP) leader.setSigmask(BigInt.asUintN(64, ~signalBit(signal)));
  sys('tgkill', pid, leader.tid, signal);
  for (const { tracee } of threads) {
    tracee.cont();
    for (let stop = tracee.wait(); stop.event !== PTRACE_EVENT_STOP; stop = tracee.wait())
      tracee.cont(stop.event === 0 && stop.signal === signal ? signal : 0);
  }
}
