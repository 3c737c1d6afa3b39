import { CritError } from '../image/errors.js';
import type { Log } from '../image/log.js';
import type { Stats } from '../image/stats.js';
import { VMA } from '../image/vma-status.js';
import { SIGCHLD, SIGKILL } from '../kernel/uapi/signal.js';
import { readStat } from '../kernel/proc/stat-file.js';
import { formatTimeOffsets } from '../kernel/proc/time-namespace.js';
import { MAP_GROWSDOWN, MAP_SHARED, PROT_EXEC, PROT_WRITE } from '../kernel/uapi/mman.js';
import { answerBytes, NARROW, WIDE } from '../task/area.js';
import type { Batch } from '../task/batch.js';
import type { BorrowMapping } from '../task/borrowed-thread.js';
import { Patience } from '../task/patience.js';
import type { Puppet } from '../task/puppet.js';
import type { Ring } from '../task/ring.js';
import { TaskDied } from '../task/remote-error.js';
import { isDead } from '../task/tracee.js';
import { spawnPuppet, STUB_FDS, type SpawnOptions } from '../task/stub.js';
import { sysRaw } from '../native/sys.js';
import { Family, fork, FreePids } from './births.js';
import type { RestoreOptions } from './context.js';
import { restoreIds } from './creds.js';
import { restoreTaskAttributes, restoreThreadAttributes, stopSignal, wasStopped } from './core.js';
import { spawnOrphan } from './orphan.js';
import { prepareLeaving, type FinalState } from './finish.js';
import type { Vma } from './address-space.js';
import { restoreDumpable } from './process-settings.js';
import {
  adaptMemory,
  buildMemory,
  fillMemory,
  finishMemory,
  setMm,
  type Assistant,
  type MemoryContext,
  type MemoryImage,
} from './memory.js';
import { defaultSigactions } from './sigactions.js';
import { jobGroup } from './job-group.js';
import { setName } from './thread-settings.js';
import { writePidfile } from './pidfile.js';
import type { SharedMemory } from './shared-memory.js';
import { surroundings } from './obstacles.js';
import { describe, Images, wantedNumbers, type Task } from './images.js';
import { type Birth } from '../image/process-tree.js';
import { roomsOf } from './wake-up.js';
import { counted, treeWords } from '../image/count-words.js';
import { CLONE_FILES, CLONE_FS, CLONE_SIGHAND, CLONE_SYSVSEM, CLONE_THREAD, CLONE_VM } from '../kernel/uapi/clone.js';
import { WNOHANG, __WALL } from '../kernel/uapi/wait.js';
import { ERRNO } from '../kernel/uapi/errno.js';
import { RLIMITS } from '../kernel/uapi/resource.js';
import { waitUntil } from '../task/wait.js';
import { fillCounter } from './fill-counter.js';

const THREAD_FLAGS = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM;

/** The restored tree. */
export interface RestoreResult {
  rootPid: number;
}

/** What a restore would do, in words, and all that is in its way; the images are read and checked, nothing is started. */
export function plan(options: RestoreOptions, log: Log): { lines: string[]; obstacles: CritError[] } {
  const obstacles: CritError[] = [];
  try {
    const images = new Images(options, log, (obstacle) => obstacles.push(obstacle));
    return { lines: describe(images), obstacles: [...obstacles, ...surroundings(images)] };
  } catch (error) {
    if (!(error instanceof CritError)) throw error;
    return { lines: [], obstacles: [...obstacles, error] };
  }
}

/** Brings a dumped tree back: all of it, or nothing. @throws CritError */
export function restore(options: RestoreOptions, log: Log, stats: Stats): RestoreResult {
  const reading = stats.phase('reading of the images');
  const images = new Images(options, log);
  reading.end();
  log.info(
    `${treeWords(images.tasks.map(({ tree }) => ({ zombie: tree.zombie, threads: tree.tids })))} are in the images`,
  );
  options.action('pre-restore');
  const forking = stats.phase('forking_time');
  const restoring = stats.phase('restore_time');
  using shared = images.area();
  const { area } = shared;
  let family: Family | undefined;
  let rootPuppet: Puppet | undefined;
  let removePidfile: (() => void) | undefined;
  let done = false;
  try {
    const io = options.shellJob ? ([0, 1, 2] as const) : ([-1, -1, -1] as const);
    const rootBirth = images.births.root;
    const pids = new FreePids(wantedNumbers(images.tasks));
    const spare = area.ring(WIDE);
    const spawn: SpawnOptions = {
      area: shared,
      ring: area.ring(WIDE),
      patience: Patience.ofRestore(),
      setTid: [images.root.pid],
      keep: io,
      sibling: options.sibling,
      clocks: images.clocks.offsets && formatTimeOffsets(images.clocks.offsets),
    };
    // crit's end is not that of the parent whose end the root waits for
    const orphan =
      options.detached && !options.sibling && images.root.cores.some((core) => core.thread_core?.pdeath_sig);
    rootPuppet = orphan ? spawnOrphan(spawn, { ring: spare, pid: pids.take() }) : spawnPuppet(spawn);
    images.root.puppet = rootPuppet;
    images.cgroups?.enter(images.root, rootPuppet.tid, true);
    const sharedMemory = images.shared;
    images.clocks.check(rootPuppet.tid);
    const memory: MemoryContext = {
      area,
      fileFd: (vma) => images.files.addMapping(images.root.pid, vma),
      sharedFd: (vma) => sharedMemory.slotOf(vma),
    };
    openEverything(images, rootPuppet, memory, sharedMemory);
    const pending = buildMemory(rootPuppet.batch(), memory, images.root.memory!);
    rootPuppet.batch().run();
    const filled = fillCounter(images.tasks, stats);
    fillMemory(rootPuppet, images.root.memory!, pending, () => assist(images.root.puppet!, spare, pids), filled);
    const byPid = new Map(images.tasks.map((task) => [task.pid, task]));
    const taskOf = (birth: Birth) => (birth.helper ? undefined : byPid.get(birth.task.pid));
    let born = 0;
    family = new Family(area, pids, {
      shareFlags: (birth) => shareFlags(taskOf(birth), birth.forker && taskOf(birth.forker)),
      exitSignal: (birth) => taskOf(birth)?.cores[0]!.tc?.exit_signal ?? SIGCHLD,
      subreaper: (birth) => taskOf(birth)?.cores[0]!.tc?.child_subreaper ?? false,
      born: (birth, puppet) => {
        stats.progress('processes restored', born++, images.births.order.length);
        const task = taskOf(birth)!;
        task.puppet = puppet;
        task.threads = [puppet];
        if (!task.memory || birth === rootBirth) return;
        images.cgroups?.enter(task, puppet.tid, false);
        const from = birthMemory(birth, taskOf);
        const b = puppet.batch();
        const pending = from ? adaptMemory(b, memory, from, task.memory) : buildMemory(b, memory, task.memory);
        fillMemory(puppet, task.memory, pending, () => assist(puppet, spare, pids), filled);
      },
    });
    family.raise(rootBirth, rootPuppet);
    forking.end();
    family.setGroups(images.births.order, images.births.groupHelpers, jobGroup(images.births, rootPuppet, log));
    family.endHelpers();
    endZombies(images.tasks);
    for (const task of images.tasks) {
      if (task.tree.zombie) continue;
      for (const tid of task.tree.tids.slice(1)) {
        const thread = fork(task.puppet!, area.ring(NARROW), tid, THREAD_FLAGS);
        task.threads.push(thread);
      }
    }
    for (const task of images.tasks) if (task.threads.length > 1) images.cgroups?.enterThreads(task);
    images.files.openLate();
    log.debug(
      `${counted(images.births.order.length, 'process', 'processes')} made, helpers included; memory: ${stats.count('pages_restored')} pages filled`,
    );
    const alive = images.tasks.filter((task) => !task.tree.zombie);
    stats.checkpoint();
    // Each step is handed to all puppets before the first is waited for: they work side by side.
    const all = (step: (task: Task, b: Batch) => void) => {
      for (const task of alive) {
        step(task, task.batch());
        task.batch().submit();
      }
      for (const task of alive) task.batch().run();
    };
    all((task, b) => {
      keepOwnAnswers(task, b);
      setMm(b, task.memory!.mm, images.files.addProgram(task.pid, task.memory!.mm.exe_file_id));
      finishMemory(b, task.memory!);
      images.files.layout(task, b);
    });
    all((task, b) => {
      images.files.afterLayout(task, b);
      images.files.fs(task, b);
      flushSigchld(b);
      restoreTaskAttributes(task, b);
      if (task.threads.length === 1) restoreThreadAttributes(task, 0, b);
    });
    for (const task of alive)
      task.threads.slice(1).forEach((thread, i) => {
        restoreThreadAttributes(task, i + 1, thread.batch());
        thread.batch().submit();
      });
    for (const task of alive) for (const thread of task.threads.slice(1)) thread.batch().run();
    all((task, b) => {
      if (task.threads.length > 1) restoreThreadAttributes(task, 0, b);
      images.files.closeSlots(task, b);
      // last: what may look into the task from now on finds nothing of crit's but its own answers and its own way home
      restoreDumpable(b, task.memory?.mm.dumpable);
    });
    options.action('post-restore');
    images.sameSet.check();
    const leaving = prepareLeaving(
      alive.map((task) => ({
        pid: task.pid,
        threads: task.threads.map((puppet, i): FinalState => ({ puppet, ...task.registers[i]! })),
        mappings: task.memory!.vmas.map(borrowMapping),
        rooms: roomsOf(task.memory!.vmas),
        stopSignal: options.leaveStopped || wasStopped(task) ? stopSignal(task, alive) : 0,
      })),
      area,
      shared.framesOffset,
    );
    images.files.cleanupOutside();
    if (options.pidfile) removePidfile = writePidfile(options.pidfile, images.root.pid);
    options.action('pre-resume');
    leaving.commit();
    done = true;
    for (const failure of leaving.leave()) log.warn(`a task left crit's code by itself: ${failure.message}`);
    images.files.removeLinks();
    restoring.end();
    options.action('post-resume');
    log.info(`Restore finished successfully. Tasks resumed.`);
    return { rootPid: images.root.pid };
  } catch (error) {
    // What fails because a task was killed fails in many ways; the user is told why.
    const dead = !done && images.tasks.find((task) => !task.tree.zombie && task.puppet && isDead(task.pid));
    throw dead ? new TaskDied(dead.pid, 'was killed while it was being restored', error) : error;
  } finally {
    if (!done) {
      undo(rootPuppet, family);
      images.files.cleanupOutside();
      removePidfile?.();
    }
    // After a failure the death word stays held: whatever should still be there ends with crit.
    if (done) area[Symbol.dispose]();
  }
}

/** A second thread in a puppet, for filling pages; its number is one that nobody wants. */
function assist(puppet: Puppet, ring: Ring, pids: FreePids): Assistant {
  const thread = fork(puppet, ring, pids.take(), THREAD_FLAGS);
  return {
    puppet: thread,
    end: () => {
      thread.batch().call('exit', 0);
      thread.batch().submit();
      try {
        for (;;) {
          thread.tracee!.wait();
          thread.tracee!.cont();
        }
      } catch (error) {
        if (!(error instanceof TaskDied)) throw error;
      }
    },
  };
}

/** Phase 1, in the root: every description of the tree at its slot, shared memory filled. */
function openEverything(images: Images, root: Puppet, memory: MemoryContext, shared: SharedMemory): void {
  const b = root.batch();
  // The hard limit is what crit itself has; the dumped one is set at the end.
  const limit = b.out(16);
  b.call('prlimit64', 0, RLIMITS.RLIMIT_NOFILE, null, limit);
  b.call('prlimit64', 0, RLIMITS.RLIMIT_NOFILE, withSoftAtHard(b, limit), null);
  b.call('umask', 0);
  defaultSigactions(b);
  b.run();
  images.files.occupyNumbers(b, STUB_FDS[0]);
  for (const fd of STUB_FDS) b.call('close', fd);
  images.files.openPaths(b, images.pages);
  b.run();
  // before any file of the tree is opened: the stub's own mappings go, so does its executable
  buildMemoryShell(b, memory);
  images.files.open(b);
  b.run();
  shared.create(root);
  shared.fillAll(root);
}

function withSoftAtHard(b: Batch, limit: ReturnType<Batch['out']>): ReturnType<Batch['out']> {
  b.call('copy', limit, limit.address + 8, 8);
  return limit;
}

function buildMemoryShell(b: Batch, memory: MemoryContext): void {
  const end = memory.area.base + memory.area.sizeBytes;
  b.call('munmap', 0, memory.area.base);
  b.call('munmap', end, 0x7fff_ffff_f000 - end);
}

/** The memory that a fork inherited: its forker's, through helpers that changed nothing. */
function birthMemory(birth: Birth, taskOf: (birth: Birth) => Task | undefined): MemoryImage | undefined {
  for (let at = birth.forker; at; at = at.forker) {
    const memory = taskOf(at)?.memory;
    if (memory) return memory;
  }
  return undefined;
}

function shareFlags(task: Task | undefined, forker: Task | undefined): number {
  if (!task?.ids || !forker?.ids || task.tree.zombie) return 0;
  return (
    (task.ids.files_id !== 0 && task.ids.files_id === forker.ids.files_id ? CLONE_FILES : 0) |
    (task.ids.fs_id !== 0 && task.ids.fs_id === forker.ids.fs_id ? CLONE_FS : 0)
  );
}

/** Zombies end with the status that the images tell; their parents have not waited for them. */
function endZombies(tasks: readonly Task[]): void {
  for (const task of tasks) {
    if (!task.tree.zombie) continue;
    const puppet = task.puppet!;
    puppet.tracee!.detachRunning();
    const tc = task.cores[0]!.tc;
    const status = tc?.exit_code ?? 0;
    const signal = status & 0x7f;
    const b = puppet.batch();
    setName(b, tc?.comm);
    if (signal) {
      b.call('prlimit64', 0, RLIMITS.RLIMIT_CORE, new Uint8Array(16), null);
      if (signal !== 9 && signal !== 19) b.call('rt_sigaction', signal, new Uint8Array(32), null, 8); // SIG_DFL
    }
    if (tc?.zombie_creds) restoreIds(b, tc.zombie_creds);
    if (signal) {
      b.call('kill', task.pid, signal);
      b.call('rt_sigprocmask', 1, new Uint8Array(8).fill(0xff), null, 8);
    }
    b.call('exit_group', status >> 8);
    b.submit();
    waitZombie(task.pid);
  }
}

function waitZombie(pid: number): void {
  if (!waitUntil(() => readStat(pid).state === 'Z', 2000, 0.5))
    throw new CritError(`zombie ${pid} did not end`, { code: 'ZOMBIE' });
}

/** The SIGCHLDs of helpers and zombies are crit's doing: ignoring the signal for a moment drops them. */
function flushSigchld(b: Batch): void {
  const ignore = new BigUint64Array([1n, 0n, 0n, 0n]);
  b.call('rt_sigaction', SIGCHLD, new Uint8Array(ignore.buffer), null, 8);
}

/**
 * Takes everybody else's answers out of a task's memory: from here on a task can be led astray by what is written to its
 * memory, others cannot.
 */
function keepOwnAnswers(task: Task, b: Batch): void {
  const rings = task.threads.map(({ ring }) => ring).sort((x, y) => x.answers - y.answers);
  const { area } = rings[0]!;
  let at = area.answersAddress;
  const end = area.base + area.sizeBytes;
  for (const ring of [...rings, undefined]) {
    const next = ring?.answersAddress ?? end;
    if (next > at) b.call('munmap', at, next - at);
    if (ring) at = next + answerBytes(ring.shape);
  }
}

/** What finding a way home needs to know of a mapping: instructions are sure to be in the vDSO, or without one in all code. */
function borrowMapping({ start, end, entry }: Vma): BorrowMapping {
  return {
    start,
    end,
    writable: (entry.prot & PROT_WRITE) !== 0,
    executable: (entry.prot & PROT_EXEC) !== 0,
    shared: (entry.flags & MAP_SHARED) !== 0,
    key: '',
    name: entry.status & VMA.VDSO ? '[vdso]' : entry.status & VMA.STACK || entry.flags & MAP_GROWSDOWN ? '[stack]' : '',
  };
}

/** Ends everything that was started, and waits until the pids are free again. */
function undo(root: Puppet | undefined, family: Family | undefined): void {
  const all = new Set(family ? family.puppets.values() : []);
  if (root) all.add(root);
  for (const puppet of all) sysRaw('kill', puppet.tid, SIGKILL);
  // As their tracer crit sees the end of every thread; a leader's comes after its threads'.
  waitUntil(
    () => {
      let r;
      do r = sysRaw('wait4', -1, null, __WALL | WNOHANG, null);
      while (r > 0);
      return r === -ERRNO.ECHILD;
    },
    4000,
    0.5,
  );
}
