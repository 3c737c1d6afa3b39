import { CritError } from '../image/errors.js';
import type { Log } from '../image/log.js';
import { Stats } from '../image/stats.js';
import { counted, treeWords } from '../image/count-words.js';
import { imageFileName } from '../image/catalogue.js';
import type { Messages } from '../image/generated/messages.js';
import { PAGE_SIZE } from '../image/vma-status.js';
import { randomUuid } from '../kernel/proc/system-files.js';
import { giveBackAll } from '../task/give-back.js';
import { TaskDied } from '../task/remote-error.js';
import { isDead } from '../task/tracee.js';
import { checkSessions, checkTree, refuseOwnTree } from './check-tree.js';
import { clocksOf, OWN_TIME_NS } from './clocks.js';
import { CgroupSets } from './cgroups.js';
import { askTask, buildCores, zombieCore } from './core.js';
import type { DumpContext, DumpOptions } from './context.js';
import { DumpFiles } from './files/dump-files.js';
import { FdRanks } from './files/fd-ranks.js';
import { endWithCrit } from './end-tasks.js';
import { FrozenTree } from './freeze.js';
import { Nowhere, type ImageSink } from './image-sink.js';
import { endStandIns } from './landlock.js';
import { askMm } from './mm.js';
import { checkNamespaces, isInOwnTime, rootIds } from './namespaces.js';
import { pagemapOf } from '../image/pagemap.js';
import { lookAhead, rehearse } from './rehearse.js';
import { checkUnshared } from './sharing.js';
import { Sleepers } from './sleepers.js';
import { ImagesOnDisk } from './set/images-on-disk.js';
import { Task } from './task.js';
import { bytesOf, TaskPages } from './task-pages.js';
import { describeVmas } from './vmas.js';

/**
 * Dumps a process and its descendants into an image directory. On any failure every task runs on as it was.
 * @throws CritError
 */
export function dump(options: DumpOptions, log: Log, stats: Stats): void {
  refuseOwnTree(options.pid);
  using images = new ImagesOnDisk(options.imagesDir, options);
  options.action('pre-dump');
  const rehearsing = stats.phase('rehearsal');
  try {
    rehearse((pid) => {
      const quiet: Log = {
        error: () => undefined,
        warn: () => undefined,
        info: () => undefined,
        debug: () => undefined,
      };
      const play = {
        ...options,
        pid,
        leaveRunning: true,
        leaveStopped: false,
        shellJob: true,
        action: () => undefined,
      };
      perform(play, new Nowhere(), quiet, new Stats(), new FdRanks());
    });
  } catch (error) {
    log.debug(`the rehearsal failed, the stop may take longer: ${String(error)}`);
  }
  rehearsing.end();
  const looking = stats.phase('a look at the running tree');
  const ranks = lookAhead(options.pid, options.fileValidation === 'buildid');
  looking.end();
  try {
    perform(options, images, log, stats, ranks);
  } finally {
    endStandIns();
  }
}

function perform(options: DumpOptions, images: ImageSink, log: Log, stats: Stats, ranks: FdRanks): void {
  const tasks: Task[] = [];
  const held: (() => void)[] = [];
  const ctx: DumpContext = {
    options,
    log,
    tasks,
    stats,
    cgroups: new CgroupSets(options.cgroups),
    nextPagesId: () => images.nextPagesId(),
    createImage: (type, id) => images.create(type, id),
    // Files are made when the tree runs again, if it is to.
    write: (type, id, entries) => {
      held.push(() => {
        images.write(type, id, entries);
        if (Array.isArray(entries))
          log.debug(`${imageFileName(type, id)}: ${counted(entries.length, 'entry', 'entries')}`);
      });
    },
  };
  const sleepers = Sleepers.of(options.pid);
  const freezing = stats.phase('freezing_time');
  const tree = FrozenTree.freeze(options.pid, log, options.timeoutSec);
  freezing.end();
  log.info(`${treeWords(tree.tasks)} are stopped`);
  sleepers.stopped();
  const frozen = stats.phase('frozen_time');
  using files = new DumpFiles(ctx, ranks);
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
    if (options.leaveStopped && done) tree.leaveStopped();
    else tree.release(toKill());
    frozen.end();
  };
  using pages = new TaskPages(ctx, images);
  try {
    stats.checkpoint();
    checkNamespaces(tree.alive);
    const ownTime = isInOwnTime(options.pid);
    const timeNs = ownTime ? OWN_TIME_NS : undefined;
    const clocks = clocksOf(options.pid, ownTime);
    ctx.write('TIMENS', timeNs ?? 0, [{ message: clocks }]);
    ctx.cgroups.read(tree.alive.flatMap(({ pid, threads }) => threads.map(({ tid }) => ({ pid, tid }))));
    checkUnshared(tree.alive.map((task) => task.pid));
    checkSessions(tree.tasks, options.shellJob);
    checkTree(tree.tasks);
    for (const task of tree.alive) tasks.push(new Task(task, options.leaveRunning, sleepers));
    const write = dumpTasks(ctx, pages, files, tree, tasks, timeNs);
    // Tasks that are to run on do so before the rest is written.
    if (options.leaveRunning && !options.leaveStopped) release();
    if (failures.length > 0) throw failures.shift()!;
    pages.finish();
    write();
    for (const image of held.splice(0)) image();
    writeInventory(images, ctx);
    options.action('post-dump');
    images.commit();
    done = true;
    if (toKill()) endWithCrit(tasks);
    files.keepLinks();
  } catch (error) {
    throw whoDied(tree, error) ?? error;
  } finally {
    if (!done) {
      pages.abandon();
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

/** What must happen while the tree is stopped. @returns what is left to write */
function dumpTasks(
  ctx: DumpContext,
  pages: TaskPages,
  files: DumpFiles,
  tree: FrozenTree,
  tasks: readonly Task[],
  timeNs: number | undefined,
): () => void {
  // Everything that can be refused is found out before memory is copied.
  for (const task of tasks) {
    files.addTask(task);
    task.vmas = describeVmas(task.pid, task.maps, (map) => files.addMappedFile(task, map));
    task.maps = []; // there may be very many
    task.exeId = files.addExe(task);
  }
  files.allKnown();
  const cores: Messages['core_entry'][][] = [];
  const mms: Messages['mm_entry'][] = [];
  let memdump: { end: () => void } | undefined;
  for (let at = 0; at < tasks.length; at += ASKED_TOGETHER) {
    const group = tasks.slice(at, at + ASKED_TOGETHER);
    const answers = group.map((task) => {
      const b = task.batch();
      const core = askTask(task, b);
      const mm = askMm(task, b);
      b.submit();
      return { core, mm };
    });
    for (const task of group) task.batch().run();
    memdump ??= ctx.stats.phase('memdump_time');
    for (const task of group) pages.begin(task);
    group.forEach((task, i) => {
      cores.push(buildCores(ctx, task, answers[i]!.core()));
      mms.push(answers[i]!.mm(task.exeId, task.vmas, task.guards));
      task.peeked = [];
    });
  }
  for (const [i, task] of tasks.entries()) {
    ctx.stats.progress('processes dumped', i, tasks.length);
    pages.take(task);
  }
  memdump?.end();
  files.finish();
  const ids = tasks.map((task) => ({ ...files.idsOf(task), ...(timeNs !== undefined && { time_ns_id: timeNs }) }));
  // Nobody may ask for a zombie any more when its parent runs again and can wait for it.
  const zombies = new Map(tree.tasks.filter((task) => task.zombie).map((task) => [task.pid, zombieCore(task)]));
  return () => {
    writeTasks(ctx, tree, tasks, { cores, mms, ids, zombies });
  };
}

/** What is written of the processes: of each living one in their order, of zombies by pid. */
interface Answers {
  cores: readonly Messages['core_entry'][][];
  mms: readonly Messages['mm_entry'][];
  ids: readonly object[];
  zombies: ReadonlyMap<number, Messages['core_entry']>;
}

function writeTasks(
  ctx: DumpContext,
  tree: FrozenTree,
  tasks: readonly Task[],
  { cores, mms, ids, zombies }: Answers,
): void {
  const pstree: Messages['pstree_entry'][] = [];
  const places = new Map(tasks.map((task, i) => [task.pid, i]));
  for (const task of tree.tasks) {
    const index = places.get(task.pid) ?? -1;
    pstree.push({
      pid: task.pid,
      ppid: task.pid === ctx.options.pid ? 0 : task.ppid,
      pgid: task.stat.pgrp,
      sid: task.stat.session,
      threads: index < 0 ? [task.pid] : [...tasks[index]!.tids],
    });
    if (index < 0) {
      ctx.write('CORE', task.pid, [{ message: zombies.get(task.pid)! }]);
      continue;
    }
    const alive = tasks[index]!;
    cores[index]!.forEach((message, i) => {
      ctx.write('CORE', alive.tids[i], [{ message }]);
    });
    ctx.write('IDS', task.pid, [{ message: { ...rootIds(), vm_id: index + 2, sighand_id: index + 2, ...ids[index] } }]);
    ctx.write('MM', task.pid, [{ message: mms[index]! }]);
    ctx.write(
      'PAGEMAP',
      task.pid,
      pagemapOf(alive.pagesId, alive.runs).map((message) => ({ message })),
    );
    ctx.log.debug(`task ${task.pid}: ${alive.vmas.length} mappings, ${bytesOf(alive.runs) / PAGE_SIZE} pages`);
  }
  ctx.write(
    'PSTREE',
    undefined,
    pstree.map((message) => ({ message })),
  );
  ctx.write('SECCOMP', undefined, [{ message: {} }]);
  const cgroups = ctx.cgroups.entry();
  if (cgroups) ctx.write('CGROUP', undefined, [{ message: cgroups }]);
}

/** What fails because a process was killed fails in many ways; the user is told why. */
function whoDied(tree: FrozenTree, cause: unknown): TaskDied | undefined {
  if (tree.released) return undefined; // it may end as it likes
  const dead = tree.alive.find((task) => isDead(task.pid));
  return dead && new TaskDied(dead.pid, 'was killed while it was being dumped', cause);
}

/** inventory.img makes the set complete: it is written last, and names all others. */
function writeInventory(images: ImageSink, { cgroups }: DumpContext): void {
  const entry: Messages['inventory_entry'] = {
    img_version: 2,
    fdinfo_per_id: true,
    root_ids: rootIds(),
    ns_per_id: true,
    lsmtype: 0,
    network_lock_method: 0,
    dump_criu_run_id: randomUuid(),
    ...cgroups.own,
    images: images.record(),
  };
  images.write('INVENTORY', undefined, [{ message: entry }]);
}
