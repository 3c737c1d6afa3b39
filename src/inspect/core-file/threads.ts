import { imageMachineOf, type ImageMachine } from '../../arch/images.js';
import { CritError } from '../../image/errors.js';
import {
  CoreEntryMarch,
  type CoreEntry,
  type PstreeEntry,
  type SignalQueueEntry,
} from '../../image/generated/messages.js';
import { SIGINFO_BYTES } from '../../kernel/uapi/signal.js';
import type { Checkpoint } from '../checkpoint.js';
import { tasksOf } from '../tasks.js';

/** A thread of a dumped task. */
export interface DumpedThread {
  readonly tid: number;
  readonly name: string;
  readonly core: CoreEntry;
  readonly machine: ImageMachine;
}

/** @throws CritError UNSUPPORTED that names the processor */
function machineOf(core: CoreEntry): ImageMachine {
  const found = imageMachineOf(core);
  if (found) return found;
  const name = Object.entries(CoreEntryMarch).find(([, number]) => number === core.mtype)?.[0] ?? String(core.mtype);
  throw new CritError(
    `the images are of a machine of type ${name}: registers are known of X86_64 (and its 32-bit programs) and AARCH64`,
    { code: 'UNSUPPORTED' },
  );
}

/** More threads than this are no task (kernel/fork.c allows fewer pids). */
const MAX_THREADS = 1 << 22;

/**
 * The threads of a task whose registers are at hand, the leader first.
 * @param warn is told of others
 * @throws CritError NO_PROCESS, MISSING_IMAGE when there is none, UNSUPPORTED for another processor
 */
export function threadsOf(
  { images, path }: Checkpoint,
  pid: number,
  warn: (text: string) => void,
): { task: PstreeEntry; threads: readonly DumpedThread[] } {
  const task = tasksOf(images).find((entry) => entry.pid === pid);
  if (!task) throw new CritError(`there is no process ${pid} in ${path}`, { code: 'NO_PROCESS' });
  const threads: DumpedThread[] = [];
  const ids = new Set([pid, ...(task.threads ?? []).slice(0, MAX_THREADS)]);
  for (const tid of ids) {
    try {
      const core = images.first('CORE', tid);
      if (!core) {
        warn(`${images.file('CORE', tid)} is not there: thread ${tid} is left out`);
        continue;
      }
      const machine = machineOf(core);
      const [first = { tid, machine }] = threads;
      const why = !machine.frameOf(core)
        ? 'its core image has no registers'
        : machine !== first.machine
          ? `it runs code of another kind (${machine.name}) than thread ${first.tid} (${first.machine.name})`
          : undefined;
      const name = core.thread_core?.comm ?? core.tc?.comm ?? '';
      if (why === undefined) threads.push({ tid, name, core, machine });
      else warn(`thread ${tid} is left out: ${why}`);
    } catch (error) {
      if (!(error instanceof CritError) || error.code === 'UNSUPPORTED') throw error;
      warn(error.message);
    }
  }
  if (threads.length === 0)
    throw new CritError(`the images have no registers of process ${pid}`, { code: 'MISSING_IMAGE' });
  return { task, threads };
}

/** The first signal that waits in a queue, as siginfo_t. */
export function firstSignal(queue: SignalQueueEntry | undefined): Buffer | undefined {
  const bytes = queue?.signals?.[0]?.siginfo;
  if (!bytes || bytes.length < 4) return undefined;
  const out = Buffer.alloc(SIGINFO_BYTES);
  out.set(bytes.subarray(0, SIGINFO_BYTES));
  return out;
}

/** The set of signals that wait in queues: bit N-1 for signal N. */
export function pendingSet(queues: readonly (SignalQueueEntry | undefined)[]): bigint {
  let set = 0n;
  for (const queue of queues)
    for (const { siginfo } of queue?.signals ?? []) {
      const signo = siginfo.length < 4 ? 0 : Buffer.from(siginfo).readInt32LE(0);
      if (signo >= 1 && signo <= 64) set |= 1n << BigInt(signo - 1);
    }
  return set;
}
