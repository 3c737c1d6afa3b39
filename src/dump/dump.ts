import { closeSync, existsSync, openSync, unlinkSync } from 'node:fs';
import path from 'node:path';
import { randomUUID } from 'node:crypto';
import { imageFileName, type ImageType } from '../image/catalogue.js';
import { CritError } from '../image/errors.js';
import type { Log } from '../image/log.js';
import type { Stats } from '../image/stats.js';
import type { Messages } from '../image/generated/messages.js';
import { PAGE_SIZE } from '../image/vma-status.js';
import { writeImage } from '../encode/image-writer.js';
import { readMaps, type MapEntry } from '../kernel/maps.js';
import { readStatus } from '../kernel/status.js';
import { Borrowed, BorrowedThread } from '../task/borrow.js';
import type { Batch } from '../task/batch.js';
import { askTask, askThread, buildCores, zombieCore } from './core.js';
import type { DumpContext, DumpOptions, DumpTask, OutEntry } from './context.js';
import { DumpFiles } from './files/dump-files.js';
import { FrozenTree, type FrozenTask } from './freeze.js';
import { checkNamespaces, checkUnshared, rootIds } from './ids.js';
import { askMm } from './mm.js';
import { collectRuns, copyFromOutside, pagemapOf, type PageRun } from './pages.js';
import { PageScanner } from './page-scan.js';
import { writeFromInside } from './pages-inside.js';
import { giveFd } from '../task/descriptors.js';
import { snapshot, SNAPSHOT_RINGS } from '../task/snapshot.js';
import type { Puppet } from '../task/puppet.js';
import { sysRaw } from '../native/sys.js';
import { readStat } from '../kernel/stat-file.js';
import { describeVmas, type DumpVma } from './vmas.js';

/** From here on pages are written by the task itself: bringing a descriptor into it pays. */
const INSIDE_BYTES = 4 << 20;

/** A borrowed process and what has been learned of it. */
class Task implements DumpTask {
  readonly pid: number;
  readonly frozen: FrozenTask;
  readonly tids: readonly number[];
  readonly threads: readonly BorrowedThread[];
  readonly maps: readonly MapEntry[];
  readonly status;
  readonly borrowed: Borrowed;
  vmas: DumpVma[] = [];
  runs: PageRun[] = [];
  pagesId = 0;
  /** A copy of the task that its pages are written from while it runs on, and its descriptor of the pages image. */
  copy: Puppet | undefined;
  copyFd = -1;
  exeId = 0;

  constructor(frozen: FrozenTask, leaveRunning: boolean) {
    this.pid = frozen.pid;
    this.frozen = frozen;
    this.tids = frozen.threads.map((t) => t.tid);
    this.threads = frozen.threads.map((t) => new BorrowedThread(t));
    this.status = readStatus(frozen.pid);
    this.maps = readMaps(frozen.pid);
    this.borrowed = Borrowed.of(
      frozen.pid,
      this.threads,
      this.maps.map((m) => ({
        start: Number(m.start),
        end: Number(m.end),
        writable: (m.prot & 2) !== 0,
        executable: (m.prot & 4) !== 0,
        shared: m.shared,
        key: m.inode ? `${m.devMajor}:${m.devMinor}:${m.inode}:${m.offset}` : '',
        name: m.path,
      })),
      leaveRunning ? SNAPSHOT_RINGS : [],
    );
  }

  get puppet() {
    return this.borrowed.puppet;
  }

  batch(): Batch {
    return this.borrowed.puppet.batch();
  }
}

/** The images of one dump: files are made 0600, and are removed again when the dump fails. */
class Images {
  readonly dir: string;
  readonly made: string[] = [];
  #pagesId = 0;
  constructor(dir: string) {
    this.dir = dir;
  }
  path(type: ImageType, id?: number): string {
    const file = path.join(this.dir, imageFileName(type, id));
    this.made.push(file);
    return file;
  }
  write(type: ImageType, id: number | undefined, entries: readonly OutEntry[]): void {
    this.made.push(path.join(this.dir, imageFileName(type, id)));
    writeImage(this.dir, type, id, entries);
  }
  nextPagesId(): number {
    return ++this.#pagesId;
  }
  /** An old set in the directory must not be mistaken for this one while it is torn: its inventory goes first. */
  begin(): void {
    try {
      unlinkSync(path.join(this.dir, 'inventory.img'));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
  }
  discard(): void {
    for (const file of this.made)
      try {
        unlinkSync(file);
      } catch {
        // it was never made
      }
  }
}

/**
 * Dumps a process and its descendants into an image directory. On any failure every task runs on as it was.
 * @throws CritError
 */
export function dump(options: DumpOptions, log: Log, stats: Stats): void {
  const images = new Images(options.imagesDir);
  const tasks: Task[] = [];
  const ctx: DumpContext = {
    options,
    log,
    tasks,
    stats,
    nextPagesId: () => images.nextPagesId(),
    imagePath: (type, id) => images.path(type, id),
    write: (type, id, entries) => {
      images.write(type, id, entries);
    },
  };
  refuseOwnTree(options.pid);
  options.action('pre-dump');
  images.begin();
  const freezing = stats.phase('freezing_time');
  const tree = FrozenTree.freeze(options.pid, log, options.timeoutSec);
  freezing.end();
  const frozen = stats.phase('frozen_time');
  let done = false;
  let released = false;
  const release = (kill: boolean) => {
    if (released) return;
    released = true;
    for (const task of tasks) task.borrowed.giveBack();
    if (done && options.leaveStopped) tree.leaveStopped();
    else tree.release(kill);
    frozen.end();
  };
  try {
    for (const task of tree.alive) checkNamespaces(task.pid);
    checkUnshared(tree.alive.map((task) => task.pid));
    checkSessions(tree, options.shellJob);
    for (const task of tree.alive) tasks.push(new Task(task, options.leaveRunning));
    const write = dumpTasks(ctx, images, tree, tasks);
    // Tasks that are to run on do so before the rest is written.
    if (options.leaveRunning && !options.leaveStopped) release(false);
    finishPages(tasks);
    write();
    options.action('post-dump');
    writeInventory(ctx);
    done = true;
  } finally {
    for (const task of tasks) endCopy(task);
    if (!done) images.discard();
    release(done && !options.leaveRunning);
    for (const task of tasks) task.borrowed[Symbol.dispose]();
  }
}

/** What must happen while the tree is stopped. @returns what is left to write */
function dumpTasks(ctx: DumpContext, images: Images, tree: FrozenTree, tasks: readonly Task[]): () => void {
  const files = new DumpFiles(ctx);
  try {
    // Everything that can be refused is found out before memory is copied.
    for (const task of tasks) {
      files.addTask(task);
      task.vmas = describeVmas(task.pid, task.maps, (map) => files.addMappedFile(task, map));
      task.exeId = files.addExe(task);
    }
    const answers = tasks.map((task) => {
      const b = task.batch();
      const core = askTask(task, b);
      const mm = askMm(task, b);
      return { core, mm };
    });
    for (const task of tasks) task.batch().run();
    const cores = tasks.map((task, i) => {
      const parts = answers[i]!.core();
      const threads = task.threads.slice(1).map((_, k) => askThread(task, k + 1));
      return buildCores(ctx, task, [parts, ...threads]);
    });
    const mms = tasks.map((task, i) => answers[i]!.mm(task.exeId, task.vmas));
    const memdump = ctx.stats.phase('memdump_time');
    for (const task of tasks) dumpPages(ctx, images, task);
    memdump.end();
    files.finish();
    const ids = tasks.map((task) => files.idsOf(task));
    return () => {
      writeTasks(ctx, tree, tasks, cores, mms, ids);
    };
  } finally {
    files[Symbol.dispose]();
  }
}

function writeTasks(
  ctx: DumpContext,
  tree: FrozenTree,
  tasks: readonly Task[],
  cores: readonly Messages['core_entry'][][],
  mms: readonly Messages['mm_entry'][],
  ids: readonly object[],
): void {
  const pstree: Messages['pstree_entry'][] = [];
  for (const task of tree.tasks) {
    const index = tasks.findIndex((t) => t.pid === task.pid);
    pstree.push({
      pid: task.pid,
      ppid: task.pid === ctx.options.pid ? 0 : task.ppid,
      pgid: task.stat.pgrp,
      sid: task.stat.session,
      threads: index < 0 ? [task.pid] : [...tasks[index]!.tids],
    });
    if (index < 0) {
      ctx.write('CORE', task.pid, [{ message: zombieCore(task) }]);
      continue;
    }
    const alive = tasks[index]!;
    cores[index]!.forEach((message, i) => {
      ctx.write('CORE', alive.tids[i]!, [{ message }]);
    });
    ctx.write('IDS', task.pid, [{ message: { ...rootIds(), vm_id: index + 2, sighand_id: index + 2, ...ids[index] } }]);
    ctx.write('MM', task.pid, [{ message: mms[index]! }]);
    ctx.write(
      'PAGEMAP',
      task.pid,
      pagemapOf(alive.runs, alive.pagesId).map((message) => ({ message })),
    );
    ctx.log.debug(`task ${task.pid}: ${alive.vmas.length} mappings, ${pagesOf(alive.runs)} pages`);
  }
  ctx.write(
    'PSTREE',
    undefined,
    pstree.map((message) => ({ message })),
  );
  ctx.write('SECCOMP', undefined, [{ message: {} }]);
}

function pagesOf(runs: readonly PageRun[]): number {
  return runs.reduce((sum, run) => sum + run.sizeBytes / PAGE_SIZE, 0);
}

/**
 * Brings a task's pages into its pages image while it is stopped: small tasks from outside, large ones from inside. A
 * large task that is to run on is copied by fork instead; what the fork does not carry is written at once, the rest by
 * `finishPages` when the task runs again.
 */
function dumpPages(ctx: DumpContext, images: Images, task: Task): void {
  using scanner = new PageScanner(task.pid);
  task.runs = collectRuns(scanner, task.vmas);
  task.pagesId = images.nextPagesId();
  const pages = pagesOf(task.runs);
  ctx.stats.add('pages_scanned', pages);
  ctx.stats.add('pages_written', pages);
  const fd = openSync(images.path('PAGES', task.pagesId), 'w', 0o600);
  try {
    if (pages * PAGE_SIZE < INSIDE_BYTES) {
      copyFromOutside(task.pid, task.runs, fd);
      return;
    }
    let remote: number;
    try {
      remote = giveFd(task.borrowed, fd);
    } catch (error) {
      // no descriptor free in the task: the slower way needs none
      ctx.log.info(`task ${task.pid} cannot take a descriptor (${String(error)}): its pages are copied from outside`);
      copyFromOutside(task.pid, task.runs, fd);
      return;
    }
    if (ctx.options.leaveRunning && !isSubreaper(task)) task.copy = snapshot(task.borrowed, [remote]);
    if (task.copy) {
      copyFromOutside(task.pid, task.runs, fd, (run) => !byCopy(run));
      task.copyFd = remote;
    } else {
      copyFromOutside(task.pid, task.runs, fd, (run) => !run.readable);
      writeFromInside(task.puppet, remote, task.runs);
    }
    task.puppet.must('close', remote);
  } finally {
    closeSync(fd);
  }
}

/** Pages that a snapshot has and can write. */
function byCopy(run: PageRun): boolean {
  return run.readable && !run.unforkable;
}

function isSubreaper(task: Task): boolean {
  const PR_GET_CHILD_SUBREAPER = 37;
  const b = task.batch();
  const out = b.out(4);
  b.call('prctl', PR_GET_CHILD_SUBREAPER, out, 0, 0, 0);
  b.run();
  return out.view.getInt32(0, true) !== 0;
}

/** Writes the pages of tasks that run again out of their snapshots, which then end. */
function finishPages(tasks: readonly Task[]): void {
  for (const task of tasks) {
    if (!task.copy) continue;
    writeFromInside(task.copy, task.copyFd, task.runs, byCopy);
    endCopy(task);
  }
}

/** A snapshot that is left ends, and its end is waited for. */
function endCopy(task: Task): void {
  const { copy } = task;
  if (!copy) return;
  task.copy = undefined;
  sysRaw('kill', copy.tid, 9);
  for (let i = 0; i < 1000 && existsSync(`/proc/${copy.tid}/maps`) && sysRaw('kill', copy.tid, 0) === 0; i++) {
    if (stateOf(copy.tid) === 'Z') break;
    sysRaw('nanosleep', new BigInt64Array([0n, 200_000n]), null);
  }
}

function stateOf(pid: number): string {
  try {
    return readStat(pid).state;
  } catch {
    return 'X';
  }
}

/** inventory.img makes the set complete: it is written last. */
function writeInventory(ctx: DumpContext): void {
  const entry: Messages['inventory_entry'] = {
    img_version: 2,
    fdinfo_per_id: true,
    root_ids: rootIds(),
    ns_per_id: true,
    lsmtype: 0,
    network_lock_method: 0,
    dump_criu_run_id: randomUUID(),
  };
  ctx.write('INVENTORY', undefined, [{ message: entry }]);
}

/** crit cannot stop itself or what it runs under. */
function refuseOwnTree(pid: number): void {
  for (let at = process.pid; at > 1;) {
    if (at === pid)
      throw new CritError(
        at === process.pid
          ? `pid ${pid} is crit itself: run crit outside the tree that is dumped`
          : `crit (pid ${process.pid}) runs inside the tree of pid ${pid}: run it from outside, or with setsid and nohup`,
        { code: 'OWN_PID' },
      );
    at = readStatus(at).ppid;
  }
}

/** A session whose leader is outside the tree comes back only as somebody's shell job. */
function checkSessions(tree: FrozenTree, shellJob: boolean): void {
  if (shellJob) return;
  const pids = new Set(tree.tasks.map((task) => task.pid));
  const sids = new Set(tree.tasks.map((task) => task.stat.session));
  const root = tree.tasks[0]!;
  if (!pids.has(root.stat.session))
    throw new CritError(
      `process ${root.pid} belongs to session ${root.stat.session}, whose leader is outside the dumped tree: dump the leader, or use --shell-job`,
      { code: 'SHELL_JOB' },
    );
  void sids;
}
