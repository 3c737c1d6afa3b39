import { statSync } from 'node:fs';
import path from 'node:path';
import { counted, treeWords } from '../image/count-words.js';
import { imageFileName } from '../image/catalogue.js';
import { CritError } from '../image/errors.js';
import type { Messages } from '../image/generated/messages.js';
import { QUIET, type Log } from '../image/log.js';
import { Stats } from '../image/stats.js';
import { randomUuid } from '../kernel/proc/system-files.js';
import { giveBackAll } from '../task/give-back.js';
import { ownRoot } from '../task/lookup-root.js';
import { TaskDied } from '../task/remote-error.js';
import { isDead } from '../task/tracee.js';
import type { DumpContext, DumpOptions } from './context.js';
import { endWithCrit } from './end-tasks.js';
import { Passing } from './files/unsupported.js';
import { FrozenTree } from './freeze.js';
import { Freezer } from './freezer.js';
import { Nowhere, type ImageSink } from './image-sink.js';
import { lookAhead, LookedAhead } from './look-ahead.js';
import { rootIds } from './namespaces.js';
import { PreviousSet } from './previous-set.js';
import { rehearse } from './rehearse.js';
import type { Resource } from './resource.js';
import { Resources } from './resources.js';
import { ImagesOnDisk } from './set/images-on-disk.js';
import { Sleepers } from './sleepers.js';
import { refuseOwnTree } from './target.js';
import { Task } from './task.js';

/** What passes is waited for so many times, each after so long a time in which the tree runs. */
const TRIES = 5;
const PASSES_MS = 20;

/**
 * Dumps a process and its descendants into an image directory. On any failure every task runs on as it was.
 * @throws CritError
 */
export function dump(options: DumpOptions, log: Log, stats: Stats): void {
  refuseOwnTree(options.pid);
  using images = new ImagesOnDisk(options.imagesDir, { ...options, parent: options.previousDir });
  options.action('pre-dump');
  const rehearsing = stats.phase('rehearsal');
  try {
    rehearse((pid) => {
      using ahead = new LookedAhead();
      const action = () => undefined;
      const play = {
        ...options,
        pid,
        freezeCgroup: undefined,
        previousDir: undefined,
        leaveRunning: true,
        leaveStopped: false,
        shellJob: true,
        action,
      };
      perform(play, new Nowhere(), QUIET, new Stats(), ahead);
    });
  } catch (error) {
    log.debug(`the rehearsal failed, the stop may take longer: ${String(error)}`);
  }
  rehearsing.end();
  for (let tries = 1; ; tries++) {
    const looking = stats.phase('a look at the running tree');
    using ahead = lookAhead(options);
    looking.end();
    using previous = previousSet(options);
    try {
      perform(options, images, log, stats, ahead, previous);
      return;
    } catch (error) {
      if (!(error instanceof Passing) || tries === TRIES) throw error;
      log.info(`${error.message}; this may pass, the dump is tried again`);
    }
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, PASSES_MS);
  }
}

/** @throws CritError */
function previousSet({ imagesDir, previousDir }: DumpOptions): PreviousSet | undefined {
  if (previousDir === undefined) return undefined;
  const directory = path.resolve(imagesDir, previousDir);
  const [its, ours] = [directory, imagesDir].map((dir) => statSync(dir, { bigint: true, throwIfNoEntry: false }));
  if (its && its.dev === ours?.dev && its.ino === ours.ino)
    throw new CritError(`--prev-images-dir: ${directory} is the images directory: no set adds to itself`, {
      code: 'BAD_ARGUMENT',
    });
  return new PreviousSet(directory);
}

function perform(
  options: DumpOptions,
  images: ImageSink,
  log: Log,
  stats: Stats,
  ahead: LookedAhead,
  previous?: PreviousSet,
): void {
  const tasks: Task[] = [];
  const held: (() => void)[] = [];
  const ctx: DumpContext = {
    options,
    log,
    tasks,
    stats,
    lookupRoot: ownRoot,
    running: false,
    previous,
    refuse: (obstacle) => {
      throw obstacle;
    },
    images,
    write: (type, id, entries) => {
      held.push(() => {
        images.write(type, id, entries);
        if (Array.isArray(entries))
          log.debug(`${imageFileName(type, id)}: ${counted(entries.length, 'entry', 'entries')}`);
      });
    },
  };
  using resources = new Resources(ctx, ahead);
  const sleepers = Sleepers.of(options.pid);
  using freezer = options.freezeCgroup === undefined ? undefined : new Freezer(options.freezeCgroup);
  ctx.freezer = freezer;
  const freezing = stats.phase('freezing_time');
  const tree = FrozenTree.freeze(options.pid, log, options.timeoutSec, freezer);
  freezing.end();
  log.info(`${treeWords(tree.tasks)} are stopped`);
  sleepers.stopped();
  const frozen = stats.phase('frozen_time');
  let done = false;
  let released = false;
  const toKill = () => done && !options.leaveRunning && !options.leaveStopped;
  const failures: Error[] = [];
  const release = () => {
    if (released) return;
    released = true;
    // What is to be killed is not put back first: nothing of that may fail once the images are complete.
    if (!toKill()) {
      for (const error of giveBackAll(tasks.map((task) => task.borrowed))) failures.push(whoDied(tree, error) ?? error);
      for (const task of tasks)
        try {
          if (task.borrowed.isHome) task.waitRest();
        } catch (error) {
          failures.push(whoDied(tree, error) ?? (error as Error));
        }
    }
    const putBack = (ended?: ReadonlySet<number>) => {
      try {
        freezer?.putBack(ended);
      } catch (error) {
        failures.push(error as Error);
      }
    };
    if (!toKill()) putBack();
    if (options.leaveStopped && done) tree.leaveStopped();
    else tree.release(toKill());
    if (toKill()) putBack(new Set(tree.tasks.map(({ pid }) => pid)));
    frozen.end();
  };
  try {
    stats.checkpoint();
    resources.each((resource) => resource.check?.(tree));
    for (const task of tree.alive) tasks.push(new Task(task, options.leaveRunning, sleepers));
    learn(resources, tasks);
    // Tasks that are to run on do so before the rest is written.
    if (options.leaveRunning && !options.leaveStopped) release();
    if (failures.length > 0) throw failures.shift()!;
    resources.each((resource) => resource.write?.());
    for (const image of held.splice(0)) image();
    writeInventory(images, resources);
    options.action('post-dump');
    images.commit();
    done = true;
    if (toKill()) {
      resources.each((resource) => resource.end?.(tree.alive.map(({ pid }) => pid)));
      endWithCrit(tasks);
    }
    resources.each((resource) => resource.kept?.());
  } catch (error) {
    throw whoDied(tree, error) ?? error;
  } finally {
    if (!done) {
      resources.each((resource) => resource.abandon?.());
      images.discard();
    }
    release();
    for (const task of tasks) (toKill() ? task.borrowed.area : task.borrowed)[Symbol.dispose]();
  }
  for (const failure of failures)
    throw new CritError(`the images are complete, but ${failure.message}`, {
      code: 'NOT_ENDED',
      cause: failure,
    });
}

/** What so many processes answer is in memory at a time. */
const ASKED_TOGETHER = 64;

/** Learns everything about processes that stand. What can be refused is found out before memory is copied. */
function learn(resources: Resources, tasks: readonly Task[]): void {
  for (const task of tasks) {
    resources.each((resource) => resource.look?.(task));
    task.maps = []; // there may be very many
  }
  resources.each((resource) => resource.known?.());
  for (let at = 0; at < tasks.length; at += ASKED_TOGETHER) {
    const group = tasks.slice(at, at + ASKED_TOGETHER);
    const answers = new Map<Resource, (() => void)[]>();
    for (const task of group) {
      const b = task.batch();
      resources.each((resource) => {
        const answer = resource.ask?.(task, b);
        if (answer) answers.set(resource, [...(answers.get(resource) ?? []), answer]);
      });
      b.submit();
    }
    for (const task of group) task.batch().run();
    for (const some of answers.values()) for (const answer of some) answer();
    for (const task of group) task.peeked = [];
  }
  resources.each((resource) => resource.last?.());
}

/** What fails because a process was killed fails in many ways; the user is told why. */
function whoDied(tree: FrozenTree, cause: unknown): TaskDied | undefined {
  if (tree.released) return undefined; // it may end as it likes
  const dead = tree.alive.find((task) => isDead(task.pid));
  return dead && new TaskDied(dead.pid, 'was killed while it was being dumped', cause);
}

/** inventory.img makes the set complete: it is written last, and names all others. */
function writeInventory(images: ImageSink, resources: Resources): void {
  const message: Messages['inventory_entry'] = {
    img_version: 2,
    fdinfo_per_id: true,
    root_ids: rootIds(),
    ns_per_id: true,
    lsmtype: 0,
    network_lock_method: 0,
    dump_criu_run_id: randomUuid(),
  };
  resources.each((resource) => Object.assign(message, resource.inventory?.()));
  images.write('INVENTORY', undefined, [{ message: { ...message, images: images.record() } }]);
}
