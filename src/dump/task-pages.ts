import { closeSync } from 'node:fs';
import { pagemapOf, type PageRun, type StoredRun } from '../image/pagemap.js';
import { PAGE_SIZE, PE } from '../image/vma-status.js';
import type { Phase } from '../image/stats.js';
import { PR_GET_CHILD_SUBREAPER } from '../kernel/uapi/prctl.js';
import { PF_FORKNOEXEC } from '../kernel/uapi/sched.js';
import { seenByTask } from '../image/pid.js';
import type { Batch } from '../task/batch.js';
import { giveFd, type Given } from '../task/descriptors.js';
import { snapshot, type Snapshot } from '../task/snapshot.js';
import type { DumpContext, DumpTask } from './context.js';
import type { HeldRoom } from './held-room.js';
import { Increment } from './increment.js';
import type { MemoryMaps } from './memory-maps.js';
import { patch, patchesOf, savedBytes, setApart, type Patch } from './page-patches.js';
import { PageScanner } from './page-scan.js';
import { startWriting, writeFromInside } from './pages-inside.js';
import {
  bytesOf,
  collectRuns,
  copyFromOutside,
  copyInto,
  writeAll,
  writing,
  type DumpRun,
  type Reach,
} from './pages.js';
import type { Resource } from './resource.js';
import { strategyOf, type Strategy } from './strategy.js';

/** Takes a piece of a job's pages, and its offset in all of them. */
type Put = (piece: Uint8Array, offset: number) => void;

/** The pages of one task on their way into their image. */
interface PageJob {
  readonly task: DumpTask;
  readonly pagesId: number;
  readonly runs: readonly DumpRun[];
  readonly sizeBytes: number;
  readonly strategy: Strategy;
  /** Bytes of the image that are elsewhere for the time of the dump. */
  readonly patches: readonly Patch[];
  /** Waits until the task has written its pages, and takes the image's descriptor from it again. */
  written?: () => void;
  /** Where the earlier sets have pages of it. */
  readonly before?: readonly StoredRun[] | undefined;
  /** What an increment has of the runs. */
  found?: readonly PageRun[];
  /** Pages that are held until the tree runs again. */
  bytes?: Buffer;
  /** What writes them then: a copy of the task, with its descriptor of the image. */
  copy?: { readonly of: Snapshot; readonly fd: number; readonly file: string };
  /** What crit compares then: a copy of the task, and the pages that the copy does not have. */
  standIn?: { readonly of: Snapshot; readonly apart: { readonly bytes: Uint8Array; readonly offset: number }[] };
}

/** The pages of the tree: what is private to each task. Shared memory is a file (files/memfd.ts). */
export class TaskPages implements Resource {
  readonly name = 'pages';
  readonly #ctx: DumpContext;
  readonly #maps: MemoryMaps;
  readonly #room: HeldRoom;
  readonly #jobs: PageJob[] = [];
  readonly #subreapers = new Map<DumpTask, boolean>();
  #heldBytes = 0;
  #parents: ReadonlySet<number> | undefined;
  #phase: Phase | undefined;

  constructor(ctx: DumpContext, maps: MemoryMaps, room: HeldRoom) {
    this.#ctx = ctx;
    this.#maps = maps;
    this.#room = room;
  }

  /** Asks nothing; what it begins when the others have their answers has the batch until `last`. */
  ask(task: DumpTask, _b: Batch): () => void {
    return () => {
      this.#phase ??= this.#ctx.stats.phase('memdump_time');
      this.#begin(task);
    };
  }

  #begin(task: DumpTask): void {
    const { images, stats, options } = this.#ctx;
    using scanner = new PageScanner(task.pid);
    const { runs, guards } = collectRuns(scanner, this.#maps.vmasOf(task.pid));
    this.#maps.addGuards(task.pid, guards);
    const sizeBytes = bytesOf(runs);
    stats.add('pages_scanned', sizeBytes / PAGE_SIZE);
    const before = this.#ctx.previous?.pagesOf('PAGEMAP', seenByTask(task.pid));
    const strategy = strategyOf(sizeBytes, this.#heldBytes, {
      leaveRunning: options.leaveRunning,
      restricted: task.restricted,
      increment: before !== undefined,
    });
    if (strategy === 'held') this.#heldBytes += sizeBytes;
    const saved = savedBytes(task.threads);
    const apart = strategy === 'held' ? runs : setApart(runs, saved);
    const job: PageJob = {
      task,
      pagesId: images.nextPagesId(),
      runs: apart,
      sizeBytes,
      strategy,
      patches: patchesOf(apart, saved),
      before,
    };
    this.#jobs.push(job);
    if (strategy === 'beside') this.#startWriting(job);
  }

  /** Many tasks write their pages side by side, while crit goes on asking. */
  #startWriting(job: PageJob): void {
    const { task, runs } = job;
    const { fd, file } = this.#ctx.images.create('PAGES', job.pagesId);
    try {
      const remote = this.#give(task, fd);
      if (remote === undefined) return;
      task.puppet.patience.grant(job.sizeBytes);
      const wait = startWriting(task.puppet, remote.fd, runs);
      job.written = () => {
        delete job.written;
        try {
          writing(file, wait);
        } finally {
          remote[Symbol.dispose]();
        }
      };
      // Should that fail (the disk is full, say), the task is waited for all the same.
      copyFromOutside(task.pid, runs, toFile(job, fd, file), { want: (run) => !run.readable });
    } finally {
      closeSync(fd);
    }
  }

  last(): void {
    for (const [i, job] of this.#jobs.entries()) {
      this.#ctx.stats.progress('processes dumped', i, this.#jobs.length);
      if (job.written) job.written();
      else if (job.strategy === 'held') this.#hold(job);
      else this.#copy(job);
    }
    this.#phase?.end();
  }

  #hold(job: PageJob): void {
    job.bytes = this.#room.take(job.sizeBytes);
    copyInto(job.task.pid, job.runs, job.bytes, this.#mayShare(job.task));
    patch(job.bytes, 0, job.patches);
  }

  /** Copies what is not written yet into the image, in the one way or the other. */
  #copy(job: PageJob): void {
    const { task, runs, sizeBytes, strategy } = job;
    const shared = this.#mayShare(task);
    if (job.before && strategy === 'fork' && this.#standIn(job, shared)) return;
    const { fd, file } = this.#ctx.images.create('PAGES', job.pagesId);
    const put = this.#taker(job, fd, file);
    try {
      const inside = !job.before && (strategy === 'inside' || strategy === 'fork');
      const remote = inside ? this.#give(task, fd) : undefined;
      if (remote === undefined) {
        copyFromOutside(task.pid, runs, put, { shared });
        return;
      }
      try {
        const of = strategy === 'fork' && !this.#adopted(task) && snapshot(task.borrowed, sizeBytes, [remote.fd]);
        if (of) {
          job.copy = { of, fd: remote.fd, file };
          copyFromOutside(task.pid, runs, put, { want: (run) => !byCopy(run), shared });
        } else {
          copyFromOutside(task.pid, runs, put, { want: (run) => !run.readable });
          writing(file, () => {
            task.puppet.patience.grant(sizeBytes);
            writeFromInside(task.puppet, remote.fd, runs, undefined, this.#report(job));
          });
        }
      } finally {
        // Also after a failure (the disk is full, say): nothing stays behind in the task.
        remote[Symbol.dispose]();
      }
    } finally {
      closeSync(fd);
    }
  }

  /** Has a copy of the task stand where the task stood, for an increment. @returns false where it cannot be copied */
  #standIn(job: PageJob, shared: boolean): boolean {
    const { task, runs, sizeBytes } = job;
    const of = !this.#adopted(task) && snapshot(task.borrowed, sizeBytes, []);
    if (!of) return false;
    job.standIn = { of, apart: [] };
    const keep: Put = (piece, offset) => job.standIn!.apart.push({ bytes: Uint8Array.from(piece), offset });
    copyFromOutside(task.pid, runs, keep, { want: ({ unforkable }) => unforkable, shared });
    return true;
  }

  /** Takes pieces of a job in order. */
  #taker(job: PageJob, fd: number, file: string): Put {
    const { before } = job;
    if (!before) return toFile(job, fd, file);
    const increment = new Increment(job.runs, before, this.#ctx.previous!.open, { fd, file });
    job.found = increment.found;
    return (piece, offset) => {
      patch(piece, offset, job.patches);
      increment.put(piece, offset);
    };
  }

  /** Would a process of the tree adopt its copy, and have to wait for it? */
  #adopted(task: DumpTask): boolean {
    for (
      let at: DumpTask | undefined = task;
      at;
      at = this.#jobs.find((job) => job.task.pid === at.frozen.ppid)?.task
    ) {
      let reaps = this.#subreapers.get(at);
      if (reaps === undefined) this.#subreapers.set(at, (reaps = isSubreaper(at)));
      if (reaps) return true;
    }
    return false;
  }

  /** Has it pages that its parent or children may have too? A process that has executed a program has none of its parent's. */
  #mayShare(task: DumpTask): boolean {
    this.#parents ??= new Set(this.#ctx.tasks.map(({ frozen }) => frozen.ppid));
    return (task.frozen.stat.flags & PF_FORKNOEXEC) !== 0 || this.#parents.has(task.pid);
  }

  #report({ task, sizeBytes }: PageJob): (done: number) => void {
    return (done) => {
      this.#ctx.stats.progress(`memory of process ${task.pid}`, done, sizeBytes);
    };
  }

  /** @returns undefined when the task's table has no room: the slower way needs none */
  #give(task: DumpTask, fd: number): Given | undefined {
    try {
      return giveFd(task.borrowed, fd);
    } catch (error) {
      this.#ctx.log.info(
        `task ${task.pid} cannot take a descriptor (${String(error)}): its pages are copied from outside`,
      );
      return undefined;
    }
  }

  /** Writes what was held back and what the copies have, and the pagemaps. */
  write(): void {
    for (const job of this.#jobs) {
      this.#writeHeld(job);
      this.#writeCopy(job);
      this.#writeStandIn(job);
      this.#count(job);
      this.#ctx.write(
        'PAGEMAP',
        seenByTask(job.task.pid),
        pagemapOf(job.pagesId, job.found ?? job.runs).map((message) => ({ message })),
      );
      const mappings = this.#maps.vmasOf(job.task.pid).length;
      this.#ctx.log.debug(`task ${job.task.pid}: ${mappings} mappings, ${job.sizeBytes / PAGE_SIZE} pages`);
    }
  }

  #writeHeld(job: PageJob): void {
    const { bytes } = job;
    if (!bytes) return;
    const { fd, file } = this.#ctx.images.create('PAGES', job.pagesId);
    try {
      this.#taker(job, fd, file)(bytes, 0);
    } finally {
      closeSync(fd);
    }
    delete job.bytes;
  }

  #writeCopy(job: PageJob): void {
    if (!job.copy) return;
    const { of: copy, fd, file } = job.copy;
    copy.puppet.patience.grant(job.sizeBytes);
    writing(file, () => {
      writeFromInside(copy.puppet, fd, job.runs, byCopy, this.#report(job));
    });
    copy[Symbol.dispose]();
  }

  #writeStandIn(job: PageJob): void {
    if (!job.standIn) return;
    const { of: copy, apart } = job.standIn;
    const { fd, file } = this.#ctx.images.create('PAGES', job.pagesId);
    const put = this.#taker(job, fd, file);
    const putApart = (before: number) => {
      for (; apart[0] && apart[0].offset < before; apart.shift()) put(apart[0].bytes, apart[0].offset);
    };
    const take: Put = (piece, offset) => {
      putApart(offset);
      put(piece, offset);
    };
    try {
      // what it has it shares with the task
      copyFromOutside(copy.puppet.tid, job.runs, take, { want: ({ unforkable }) => !unforkable, shared: true });
      putApart(Infinity);
    } finally {
      closeSync(fd);
    }
    copy[Symbol.dispose]();
  }

  #count({ sizeBytes, found }: PageJob): void {
    const written = found ? bytesOf(found.filter(({ flags }) => flags & PE.PRESENT)) : sizeBytes;
    this.#ctx.stats.add('pages_written', written / PAGE_SIZE);
    this.#ctx.stats.add('pages_skipped_parent', (sizeBytes - written) / PAGE_SIZE);
  }

  /** What tasks were told to write is waited for, so that none keeps a descriptor. */
  abandon(): void {
    for (const job of this.#jobs)
      try {
        job.written?.();
      } catch {
        // what failed first is what is told
      }
  }

  /** No copy stays. */
  [Symbol.dispose](): void {
    for (const { copy, standIn } of this.#jobs) (copy ?? standIn)?.of[Symbol.dispose]();
  }
}

/** Writes pieces into a pages image, as they are to be there. */
function toFile({ patches }: PageJob, fd: number, file: string): Put {
  return (piece, offset) => {
    patch(piece, offset, patches);
    writing(file, () => {
      writeAll(fd, piece, offset);
    });
  };
}

/** Pages that a snapshot has and can write. */
function byCopy(run: Reach): boolean {
  return run.readable && !run.unforkable;
}

/** It adopts what its descendants leave behind: its own copy, and theirs. */
function isSubreaper(task: DumpTask): boolean {
  const b = task.batch();
  const out = b.out(4);
  b.call('prctl', PR_GET_CHILD_SUBREAPER, out, 0, 0, 0);
  b.run();
  return out.view.getInt32(0, true) !== 0;
}
