import { counted, treeWords } from '../image/count-words.js';
import { CritError } from '../image/errors.js';
import type { Log } from '../image/log.js';
import { seenByCrit, type Pid } from '../image/pid.js';
import type { Stats } from '../image/stats.js';
import { VMA } from '../image/vma-status.js';
import { MAP_GROWSDOWN, MAP_SHARED, PROT_EXEC, PROT_WRITE } from '../kernel/uapi/mman.js';
import type { BorrowMapping } from '../task/borrowed-thread.js';
import type { Batch } from '../task/batch.js';
import { TaskDied } from '../task/remote-error.js';
import type { SharedArea } from '../task/stub.js';
import { isDead } from '../task/tracee.js';
import type { Vma } from './address-space.js';
import type { RestoreOptions } from './context.js';
import { stoppedChildren, stopSignal, wasStopped } from './core.js';
import { prepareLeaving, type FinalState, type Leaving } from './finish.js';
import { surroundings } from './obstacles.js';
import { act } from './part.js';
import { writePidfile } from './pidfile.js';
import { Plan, planLines, type Task } from './plan.js';
import { ROUNDS, type Stage, type StageName } from './stages.js';
import { Tree } from './tree.js';
import { roomsOf } from './wake-up.js';

/** The restored tree. */
export interface RestoreResult {
  /** As crit sees it. */
  rootPid: Pid;
}

/** What a restore would do, in words, and all that is in its way; the images are read and checked, nothing is started. */
export function plan(options: RestoreOptions, log: Log): { lines: string[]; obstacles: CritError[] } {
  const obstacles: CritError[] = [];
  try {
    const images = new Plan(options, log, (obstacle) => obstacles.push(obstacle));
    return { lines: planLines(images), obstacles: [...obstacles, ...surroundings(images)] };
  } catch (error) {
    if (!(error instanceof CritError)) throw error;
    return { lines: [], obstacles: [...obstacles, error] };
  }
}

/** Brings a dumped tree back: all of it, or nothing. @throws CritError */
export function restore(options: RestoreOptions, log: Log, stats: Stats): RestoreResult {
  const reading = stats.phase('reading of the images');
  const plan = new Plan(options, log);
  reading.end();
  log.info(
    `${treeWords(plan.tasks.map(({ tree }) => ({ zombie: tree.zombie, threads: tree.tids })))} are in the images`,
  );
  options.action('pre-restore');
  const forking = stats.phase('forking_time');
  const restoring = stats.phase('restore_time');
  using shared = plan.area();
  const tree = new Tree(plan, stats);
  let leaving: Leaving | undefined;
  let removePidfile: (() => void) | undefined;
  const state = { committed: false };
  /** What else happens before a round begins. */
  const before: { readonly [S in StageName]?: () => void } = {
    root: () => {
      tree.start(shared);
    },
    born: () => {
      forking.end();
    },
    table: () => {
      log.debug(
        `${counted(plan.births.order.length, 'process', 'processes')} made, helpers included; memory: ${stats.count('pages_restored')} pages filled`,
      );
      stats.checkpoint();
    },
    whole: () => {
      options.action('post-restore');
      plan.sameSet.check();
      leaving = prepareToLeave(plan, tree, shared);
    },
    running: () => {
      if (options.pidfile) removePidfile = writePidfile(options.pidfile, seenByCrit(plan.root.pid));
      options.action('pre-resume');
      leaving!.commit(plan.parts.flatMap((part) => (part.commit ? [(b: Batch) => part.commit!(b)] : [])));
      state.committed = true;
      for (const failure of leaving!.leave()) log.warn(`a task left crit's code by itself: ${failure.message}`);
    },
  };
  try {
    for (const round of ROUNDS) {
      before[round[0]!.name]?.();
      perform(round, plan, tree);
    }
    restoring.end();
    options.action('post-resume');
    log.info(`Restore finished successfully. Tasks resumed.`);
    return { rootPid: seenByCrit(plan.root.pid) };
  } catch (error) {
    // What fails because a task was killed fails in many ways; the user is told why.
    const dead =
      !state.committed && plan.tasks.find((task) => !task.tree.zombie && task.puppet && isDead(task.puppet.tid));
    throw dead ? new TaskDied(dead.puppet!.tid, 'was killed while it was being restored', error) : error;
  } finally {
    if (!state.committed) {
      tree.undo();
      for (const part of plan.parts) part.undo?.();
      removePidfile?.();
    }
    // After a failure the death word stays held: whatever should still be there ends with crit.
    if (state.committed) shared.area[Symbol.dispose]();
  }
}

/** Has all parts act at the stages of a round. Each task is handed its batch before the first is waited for. */
function perform(round: readonly Stage[], plan: Plan, tree: Tree): void {
  for (const stage of round) {
    if (stage.by === 'crit') act(plan.parts, stage, undefined);
    if (stage.by === 'birth') raise(round, plan, tree);
  }
  for (const task of tree.present) {
    for (const stage of round) performIn(task, stage, plan);
    for (const thread of task.threads) thread.batch().submit();
  }
  tree.wait();
}

/** The stages at which processes come into being. */
function raise(round: readonly Stage[], { parts }: Plan, tree: Tree): void {
  tree.raise({
    born: (where) => {
      for (const stage of round) if (stage.by === 'birth') act(parts, stage, where);
    },
    leads: (where) => {
      for (const stage of round) if (stage.by === 'session') act(parts, stage, where);
    },
  });
}

function performIn(task: Task, stage: Stage, { parts, root, files }: Plan): void {
  const on = { task, b: task.batch() };
  if (stage.by === 'task') act(parts, stage, on);
  else if (stage.by === 'root' && task === root) act(parts, stage, on);
  else if (stage.by === 'table') {
    const table = files.tableOf(task);
    if (table) act(parts, stage, { ...on, table });
  } else if (stage.by === 'thread')
    for (const [index, thread] of task.threads.entries())
      if (index > 0) act(parts, stage, { task, index, b: thread.batch() });
}

function prepareToLeave(
  { ctx }: Plan,
  tree: Tree,
  { area, framesOffset }: SharedArea & { framesOffset: number },
): Leaving {
  return prepareLeaving(
    tree.present.map((task) => ({
      pid: task.puppet!.tid,
      threads: task.threads.map((puppet, i): FinalState => ({ puppet, ...task.registers[i]! })),
      mappings: task.memory!.vmas.map(borrowMapping),
      rooms: roomsOf(task.memory!.vmas),
      stopSignal: ctx.options.leaveStopped || wasStopped(task) ? stopSignal(task, tree.present) : 0,
      stopped: stoppedChildren(task, tree.present),
    })),
    area,
    framesOffset,
  );
}

/** What finding a way home needs to know of a mapping: instructions are sure to be in the vDSO, or without one in all code. */
function borrowMapping({ start, end, entry }: Vma): BorrowMapping {
  return {
    start,
    end,
    writable: (entry.prot & PROT_WRITE) !== 0,
    executable: (entry.prot & PROT_EXEC) !== 0,
    shared: (entry.flags & MAP_SHARED) !== 0,
    key: entry.status & (VMA.FILE_PRIVATE | VMA.FILE_SHARED) ? `${entry.shmid}:${entry.pgoff}` : '',
    name: entry.status & VMA.VDSO ? '[vdso]' : entry.status & VMA.STACK || entry.flags & MAP_GROWSDOWN ? '[stack]' : '',
  };
}
