import { existsSync } from 'node:fs';
import { ImageDir } from '../encode/image-dir.js';
import { imageFileName } from '../image/catalogue.js';
import { CritError } from '../image/errors.js';
import type { Messages } from '../image/generated/messages.js';
import type { Log } from '../image/log.js';
import { NAMESPACES, OWN_KINDS, type OwnKind } from '../image/namespaces.js';
import { versionFault } from '../image/image-version.js';
import { splitPagemap } from '../image/pagemap.js';
import type { ImagePid } from '../image/pid.js';
import { VMA } from '../image/vma-status.js';
import { ownRoot } from '../task/lookup-root.js';
import { findHole } from '../task/hole.js';
import type { Batch } from '../task/batch.js';
import type { Puppet } from '../task/puppet.js';
import { createArea, type SharedArea } from '../task/stub.js';
import { FRAME_ROOM_BYTES } from './finish.js';
import { readAioContexts } from './aio.js';
import { readGuards, readVmas } from './address-space.js';
import { Clocks } from './clocks.js';
import { registersOf, type Registers } from './core.js';
import { checkCores } from './check-cores.js';
import type { RestoreContext, RestoreOptions, RestoreTask } from './context.js';
import type { Refuse } from './refuse.js';
import { IpcNamespace } from './ipc-namespace.js';
import { Cgroups } from './cgroups.js';
import { RestoreFiles } from './files/restore-files.js';
import type { MemoryImage } from './memory.js';
import { stageLines, type Part } from './part.js';
import { KeyringJoiner } from './keyrings.js';
import { partsOf } from './parts.js';
import { Rings } from './rings.js';
import { LocalPages } from '../pages/local-pages.js';
import { ShmSegments } from './shm-segments.js';
import { Seccomp } from './seccomp.js';
import { SharedMemory } from './shared-memory.js';
import { TreePages } from './tree-pages.js';
import { checkWhole, SameSet } from './whole-set.js';
import { planBirths, readTree, type BirthPlan, type TreeTask } from '../image/process-tree.js';
import { hasEnded, stateFault } from '../image/task-state.js';
import { utsNamespace } from './uts-namespace.js';

/** The images of one task. */
export class Task implements RestoreTask {
  readonly pid: ImagePid;
  readonly tids: readonly ImagePid[];
  readonly tree: TreeTask;
  readonly entry: Messages['pstree_entry'];
  readonly cores: readonly Messages['core_entry'][];
  readonly ids: Messages['task_kobj_ids_entry'] | undefined;
  parent: Task | undefined;
  readonly children: Task[] = [];
  puppet: Puppet | undefined;
  /** Puppets of its threads, leader first. */
  threads: Puppet[] = [];
  memory: MemoryImage | undefined;
  /** Of its threads, leader first; a zombie has none. */
  readonly registers: readonly Registers[];

  constructor(images: ImageDir, tree: TreeTask, entry: Messages['pstree_entry'], leader: Messages['core_entry']) {
    this.pid = tree.pid;
    this.tids = tree.tids;
    this.tree = tree;
    this.entry = entry;
    this.cores = tree.tids.map((tid) => {
      if (tid === tree.pid) return leader;
      const core = images.read('CORE', tid).entries[0];
      if (!core) throw new CritError(`${imageFileName('CORE', tid)}: the image has no entry`, { code: 'BAD_IMAGE' });
      return core.message;
    });
    this.registers = tree.zombie
      ? []
      : this.cores.map((core, i) => registersOf(core, imageFileName('CORE', tree.tids[i])));
    this.ids = images.first('IDS', tree.pid);
  }

  batch(): Batch {
    return this.puppet!.batch();
  }
}

/** What a restore is to do: all images read and checked. It knows no process, and can be printed. */
export class Plan {
  readonly tasks: Task[];
  readonly root: Task;
  readonly files: RestoreFiles;
  readonly ctx: RestoreContext;
  readonly pages: TreePages;
  readonly shared: SharedMemory;
  readonly ipc: IpcNamespace;
  readonly uts: Part;
  readonly keyrings: KeyringJoiner;
  readonly segments: ShmSegments;
  readonly clocks: Clocks;
  readonly seccomp: Seccomp;
  /** undefined when they are to be ignored */
  readonly cgroups: Cgroups | undefined;
  readonly births: BirthPlan;
  readonly rings: Rings;
  readonly parts: readonly Part[];
  /** To be checked when all images have been read, pages too. */
  readonly sameSet: SameSet;

  /** @param refuse takes what the images ask for and cannot be had; what cannot be understood is thrown */
  constructor(options: RestoreOptions, log: Log, refuse: Refuse = throwIt) {
    const images = new ImageDir(options.imagesDir, { strict: true });
    this.sameSet = new SameSet(images);
    if (!existsSync(images.file('INVENTORY')))
      throw new CritError(
        `${images.path} has no ${imageFileName('INVENTORY')}: ${existsSync(images.file('PSTREE')) ? 'the dump that wrote it did not finish, the set is torn' : 'it is not an image directory'}`,
        { code: 'NO_INVENTORY' },
      );
    const inventory = images.read('INVENTORY').entries[0]?.message;
    if (!inventory) throw new CritError(`${images.file('INVENTORY')} has no entry`, { code: 'BAD_IMAGE' });
    checkVersion(inventory);
    checkWhole(images, inventory);
    const entries = images.read('PSTREE').entries.map((e) => e.message);
    const zombies = new Set<ImagePid>();
    const cores: Messages['core_entry'][] = [];
    for (const entry of entries) {
      const pid = entry.pid;
      const core = images.read('CORE', pid).entries[0]?.message;
      if (!core) throw new CritError(`${imageFileName('CORE', pid)}: the image has no entry`, { code: 'BAD_IMAGE' });
      cores.push(core);
      const state = core.tc?.task_state;
      const fault = stateFault(state);
      if (fault !== undefined)
        throw new CritError(`${imageFileName('CORE', pid)}: tc.task_state: ${fault}`, { code: 'BAD_IMAGE' });
      if (hasEnded(state)) zombies.add(pid);
    }
    const tree = readTree(entries, zombies);
    this.tasks = tree.map((t, i) => new Task(images, t, entries[i]!, cores[i]!));
    const byPid = new Map(this.tasks.map((t) => [t.pid, t]));
    for (const task of this.tasks) {
      task.parent = byPid.get(task.tree.ppid);
      task.parent?.children.push(task);
    }
    this.root = this.tasks.find((t) => !t.parent)!;
    if (this.root.tree.zombie) throw new CritError('the root task of the images is a zombie', { code: 'BAD_IMAGE' });
    this.#checkNamespaces(inventory);
    if (inventory.allow_uprobes && !options.allowUprobes)
      refuse(
        new CritError(
          'uprobes were hit in processes of the images: restore where the same probes are, with --allow-uprobes',
          {
            code: 'UNSUPPORTED',
          },
        ),
      );
    if (!byPid.has(this.root.tree.sid) && !options.shellJob)
      throw new CritError(
        `task ${this.root.pid} belongs to session ${this.root.tree.sid}, which is not in the images: restore it as a shell job (--shell-job)`,
        { code: 'SHELL_JOB' },
      );
    this.clocks = new Clocks(images, this.#ownNamespace('time', inventory), log, refuse);
    this.ctx = {
      options,
      log,
      tasks: this.tasks,
      root: this.root,
      lookupRoot: ownRoot,
      clocks: this.clocks,
      refuse,
      isYetToBeMade: (name) => this.cgroups?.makes(name) ?? false,
    };
    checkCores(this.tasks, refuse);
    this.seccomp = new Seccomp(images, this.tasks, refuse);
    this.cgroups =
      options.cgroups.mode === 'ignore'
        ? undefined
        : new Cgroups(images, inventory, this.tasks, options.cgroups, log, refuse);
    this.files = new RestoreFiles(this.ctx, images);
    const source = new LocalPages(images);
    this.pages = new TreePages(source, () => this.files.reserve());
    this.shared = new SharedMemory(images, this.files, source);
    this.ipc = new IpcNamespace(images, this.#ownNamespace('ipc', inventory), this.ctx);
    this.keyrings = new KeyringJoiner(log, this.tasks);
    this.uts = utsNamespace(images, this.#ownNamespace('uts', inventory));
    this.segments = new ShmSegments(images, source, log, refuse, this.ipc);
    for (const task of this.tasks) if (!task.tree.zombie) task.memory = this.#memory(images, task);
    this.files.checkComplete();
    this.shared.check();
    this.births = planBirths(tree, (pid) => {
      const ids = byPid.get(pid)?.ids;
      return ids ? [`descriptors ${ids.files_id}`, `directories ${ids.fs_id}`] : [];
    });
    this.rings = new Rings(
      this.births,
      this.tasks.flatMap((task) =>
        task.tids.slice(1).map((tid, i) => ({ tid, bytes: this.seccomp.roomOf(task, i + 1) })),
      ),
    );
    this.parts = partsOf(this);
  }

  #memory(images: ImageDir, task: Task): MemoryImage {
    const mm = images.read('MM', task.pid).entries[0]?.message;
    if (!mm) throw new CritError(`${imageFileName('MM', task.pid)} has no entry`, { code: 'BAD_IMAGE' });
    const { head, entries } = splitPagemap(images.read('PAGEMAP', task.pid).entries.map((e) => e.message));
    const pagesId = head?.pages_id ?? task.pid;
    const runs = this.pages.locate('PAGEMAP', task.pid, pagesId, entries);
    const vmas = readVmas(task.pid, mm.vmas ?? []);
    for (const vma of vmas)
      if (vma.entry.status & VMA.SYSVIPC)
        vma.segment = this.segments.add(vma.entry, `${imageFileName('MM', task.pid)}: ${vma.start.toString(16)}`);
      else if (this.files.isRing(task.pid, vma.entry)) vma.ring = Number(vma.entry.shmid);
      else if (vma.entry.status & (VMA.FILE_PRIVATE | VMA.FILE_SHARED))
        vma.fd = this.files.addMapping(task.pid, vma.entry);
      else if (vma.entry.status & VMA.ANON_SHARED) vma.fd = this.shared.add(vma.entry);
    return {
      exeFd: this.files.addProgram(task.pid, mm.exe_file_id),
      mm,
      vmas,
      guards: readGuards(task.pid, mm.vmas ?? []),
      runs,
      aioContexts: readAioContexts(task.pid, mm, vmas, (at, bytes) => this.pages.peek(runs, at, bytes)),
    };
  }

  #checkNamespaces(inventory: Messages['inventory_entry']): void {
    const host = inventory.root_ids;
    if (!host) return;
    for (const task of this.tasks)
      for (const [kind, { field, name }] of Object.entries(NAMESPACES)) {
        if (OWN_KINDS.has(kind)) continue; // #ownNamespace
        const theirs = task.ids?.[field];
        const ours = host[field];
        if (theirs !== undefined && ours !== undefined && theirs !== ours)
          throw new CritError(
            `task ${task.pid} was in a ${name} namespace of its own: restoring that is not supported yet`,
            { code: 'UNSUPPORTED' },
          );
      }
  }

  /** The number of the namespace of a kind that the tree has for itself, or 0. All tasks are in one. */
  #ownNamespace(kind: OwnKind, { root_ids }: Messages['inventory_entry']): number {
    const { field, name } = NAMESPACES[kind];
    const ids = this.tasks.filter((task) => task.ids).map((task) => task.ids?.[field]);
    const [first] = ids;
    if (ids.some((id) => id !== first))
      throw new CritError(`the tasks were in several ${name} namespaces: restoring that is not supported`, {
        code: 'UNSUPPORTED',
      });
    return first === undefined || first === root_ids?.[field] ? 0 : first;
  }

  /** A control area with the rings that the tree needs, room for frames behind them, in a hole of all tasks' mappings. */
  area(): SharedArea & { framesOffset: number } {
    const nrThreads = this.tasks.reduce((sum, { tree }) => sum + tree.tids.length, 0);
    const rings = this.rings.size();
    const size = { orders: rings.orders + nrThreads * FRAME_ROOM_BYTES, answers: rings.answers };
    const mapped = this.tasks.flatMap((task) => [...(task.memory?.vmas ?? [])]).sort((a, b) => a.start - b.start);
    const shared = createArea(findHole(mapped, size.orders + size.answers), size);
    this.rings.carve(shared.area);
    return Object.assign(shared, { framesOffset: rings.orders });
  }
}

const throwIt: Refuse = (obstacle) => {
  throw obstacle;
};

function checkVersion({ img_version: version }: Messages['inventory_entry']): void {
  const fault = versionFault(version);
  if (fault === undefined) return;
  throw new CritError(`${imageFileName('INVENTORY')}: img_version: ${fault}`, { code: 'BAD_IMAGE' });
}

/** Prints what a restore would do (--dry-run): the plan is checked, nothing is started. */
export function planLines(plan: Plan): string[] {
  const lines: string[] = [];
  for (const birth of plan.births.order) {
    const { task } = birth;
    const what = birth.helper ? `helper ${task.pid || '(any pid)'}` : `${task.zombie ? 'zombie' : 'task'} ${task.pid}`;
    const by = birth.forker
      ? `forked by ${birth.forker.task.pid || 'a helper'}${birth.cloneParent ? ' as its sibling' : ''}`
      : 'started by crit';
    const memory = plan.tasks.find((t) => t.pid === task.pid)?.memory;
    const bytes = memory ? memory.runs.reduce((sum, run) => sum + run.end - run.start, 0) : 0;
    lines.push(
      `${what}: ${by}${birth.setsid ? ', begins session' : `, session ${task.sid}`}, group ${task.pgid}` +
        (memory ? `, ${task.tids.length} thread(s), ${memory.vmas.length} mappings, ${bytes / 4096} pages` : ''),
    );
  }
  for (const helper of plan.births.groupHelpers)
    lines.push(`helper ${helper.pgid}: holds the process group while tasks join it`);
  return [...lines, ...plan.parts.flatMap((part) => part.planLines?.() ?? []), ...stageLines(plan.parts)];
}

/** Every number that a task of the tree has or had as pid, thread, group or session. */
export function wantedNumbers(tasks: readonly Task[]): Set<ImagePid> {
  const wanted = new Set<ImagePid>();
  for (const { tree } of tasks) for (const n of [...tree.tids, tree.pgid, tree.sid]) wanted.add(n);
  return wanted;
}
