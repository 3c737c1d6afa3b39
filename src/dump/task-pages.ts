import { closeSync } from 'node:fs';
import { PAGE_SIZE } from '../image/vma-status.js';
import { PR_GET_CHILD_SUBREAPER } from '../kernel/uapi/prctl.js';
import { PF_FORKNOEXEC } from '../kernel/uapi/sched.js';
import { giveFd, type Given } from '../task/descriptors.js';
import { snapshot } from '../task/snapshot.js';
import type { DumpContext } from './context.js';
import type { ImageSink } from './image-sink.js';
import { patch, patchesOf, savedBytes, setApart } from './page-patches.js';
import { PageScanner } from './page-scan.js';
import { startWriting, writeFromInside } from './pages-inside.js';
import { collectRuns, copyFromOutside, INSIDE_BYTES, writeAll, writing, type DumpRun, type Reach } from './pages.js';
import type { Task } from './task.js';

/** How much of small tasks is held back until the tree runs again, all together. */
const HELD_BYTES = 8 << 20;
/** From here on it pays to bring the image's descriptor into a task that has to write while it stands. */
const GIVE_BYTES = 256 << 10;

let touched = Buffer.alloc(0);

/**
 * Makes room for what will be held: memory that is touched for the first time costs a page fault a page, which must not
 * fall into the stop (2 to 16 us each on a virtual machine).
 */
export function prepareRoom(sizeBytes: number): void {
  touched = Buffer.allocUnsafeSlow(Math.min(sizeBytes, HELD_BYTES)).fill(0);
}

/** Bytes of all runs. */
export function bytesOf(runs: readonly DumpRun[]): number {
  return runs.reduce((sum, run) => sum + run.end - run.start, 0);
}

/**
 * Takes the pages of stopped tasks. Those of small tasks are copied into memory and written by `finish`, when the tree runs
 * again. When that is too much, tasks write theirs from inside, while crit does other things. Large tasks do in any case; one that is to run on is copied by fork instead, what the fork
 * does not carry is written at once, and `finish` writes the rest out of the copy.
 */
export class TaskPages implements Disposable {
  readonly #ctx: DumpContext;
  readonly #images: ImageSink;
  readonly #tasks: Task[] = [];
  #held = 0;
  #taken = 0;

  constructor(ctx: DumpContext, images: ImageSink) {
    this.#ctx = ctx;
    this.#images = images;
  }

  /** Finds a task's pages. Until `take`, the batch of its leader belongs to the copy. */
  begin(task: Task): void {
    this.#tasks.push(task);
    using scanner = new PageScanner(task.pid);
    ({ runs: task.runs, guards: task.guards } = collectRuns(scanner, task.vmas));
    task.pagesId = this.#images.nextPagesId();
    const size = bytesOf(task.runs);
    this.#ctx.stats.add('pages_scanned', size / PAGE_SIZE);
    this.#ctx.stats.add('pages_written', size / PAGE_SIZE);
    task.held = size < INSIDE_BYTES && this.#held + size <= HELD_BYTES;
    const saved = savedBytes(task.threads);
    if (!task.held) task.runs = setApart(task.runs, saved);
    task.patches = patchesOf(task.runs, saved);
    if (!task.held) {
      if (size >= GIVE_BYTES && size < INSIDE_BYTES) this.#startWriting(task);
      return;
    }
    this.#held += size;
  }

  /** Many tasks write their pages side by side, while crit goes on asking. */
  #startWriting(task: Task): void {
    const { fd, file } = this.#images.create('PAGES', task.pagesId);
    try {
      const remote = this.#give(task, fd);
      if (remote === undefined) return;
      task.puppet.patience.grant(bytesOf(task.runs));
      const wait = startWriting(task.puppet, remote.fd, task.runs);
      task.written = () => {
        task.written = undefined;
        try {
          writing(file, wait);
        } finally {
          remote[Symbol.dispose]();
        }
      };
      // Should that fail (the disk is full, say), the task is waited for all the same.
      copyFromOutside(task.pid, task.runs, toFile(task, fd, file), { want: (run) => !run.readable });
    } finally {
      closeSync(fd);
    }
  }

  /** After a failure: what tasks were told to write is waited for, so that none keeps a descriptor. */
  abandon(): void {
    for (const task of this.#tasks)
      try {
        task.written?.();
      } catch {
        // what failed first is what is told
      }
  }

  take(task: Task): void {
    if (task.written) {
      task.written();
      return;
    }
    const size = bytesOf(task.runs);
    const shared = this.#mayShare(task);
    if (task.held) {
      task.bytes = this.#room(size);
      copyFromOutside(task.pid, task.runs, () => undefined, { into: task.bytes, shared });
      patch(task.bytes, 0, task.patches);
      return;
    }
    const { fd, file } = this.#images.create('PAGES', task.pagesId);
    task.pagesFile = file;
    const put = toFile(task, fd, file);
    try {
      const remote = size < INSIDE_BYTES ? undefined : this.#give(task, fd);
      if (remote === undefined) {
        copyFromOutside(task.pid, task.runs, put, { shared });
        return;
      }
      try {
        if (this.#ctx.options.leaveRunning && !this.#adopted(task))
          task.copy = snapshot(task.borrowed, size, [remote.fd]);
        if (task.copy) {
          copyFromOutside(task.pid, task.runs, put, { want: (run) => !byCopy(run), shared });
          task.copyFd = remote.fd;
        } else {
          copyFromOutside(task.pid, task.runs, put, { want: (run) => !run.readable });
          writing(file, () => {
            task.puppet.patience.grant(size);
            writeFromInside(task.puppet, remote.fd, task.runs, undefined, this.#report(task, size));
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

  /** Would a process of the tree adopt its copy, and have to wait for it? */
  #adopted(task: Task): boolean {
    for (let at: Task | undefined = task; at; at = this.#tasks.find(({ pid }) => pid === at.frozen.ppid)) {
      let reaps = this.#subreapers.get(at);
      if (reaps === undefined) this.#subreapers.set(at, (reaps = isSubreaper(at)));
      if (reaps) return true;
    }
    return false;
  }
  readonly #subreapers = new Map<Task, boolean>();

  /** Has it pages that its parent or children may have too? A process that has executed a program has none of its parent's. */
  #mayShare(task: Task): boolean {
    this.#parents ??= new Set(this.#ctx.tasks.map(({ frozen }) => frozen.ppid));
    return (task.frozen.stat.flags & PF_FORKNOEXEC) !== 0 || this.#parents.has(task.pid);
  }
  #parents: ReadonlySet<number> | undefined;

  /** Memory that is held until the tree runs again. */
  #room(sizeBytes: number): Buffer {
    const begin = this.#taken;
    this.#taken += sizeBytes;
    return this.#taken <= touched.length ? touched.subarray(begin, this.#taken) : Buffer.allocUnsafeSlow(sizeBytes);
  }

  #report(task: Task, sizeBytes: number): (done: number) => void {
    return (done) => {
      this.#ctx.stats.progress(`memory of process ${task.pid}`, done, sizeBytes);
    };
  }

  /** @returns undefined when the task's table has no room: the slower way needs none */
  #give(task: Task, fd: number): Given | undefined {
    try {
      return giveFd(task.borrowed, fd);
    } catch (error) {
      this.#ctx.log.info(
        `task ${task.pid} cannot take a descriptor (${String(error)}): its pages are copied from outside`,
      );
      return undefined;
    }
  }

  /** Writes what was held back and what the copies have. */
  finish(): void {
    for (const task of this.#tasks) {
      const { bytes, copy } = task;
      if (bytes) {
        const { fd, file } = this.#images.create('PAGES', task.pagesId);
        try {
          writing(file, () => {
            writeAll(fd, bytes, 0);
          });
        } finally {
          closeSync(fd);
        }
        task.bytes = undefined;
      }
      if (!copy) continue;
      copy.puppet.patience.grant(bytesOf(task.runs));
      writing(task.pagesFile, () => {
        writeFromInside(copy.puppet, task.copyFd, task.runs, byCopy, this.#report(task, bytesOf(task.runs)));
      });
      copy[Symbol.dispose]();
    }
  }

  /** No copy stays. */
  [Symbol.dispose](): void {
    for (const task of this.#tasks) task.copy?.[Symbol.dispose]();
  }
}

/** Writes pieces into a pages image, as they are to be there. */
function toFile(task: Task, fd: number, file: string): (piece: Uint8Array, offset: number) => void {
  return (piece, offset) => {
    patch(piece, offset, task.patches);
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
function isSubreaper(task: Task): boolean {
  const b = task.batch();
  const out = b.out(4);
  b.call('prctl', PR_GET_CHILD_SUBREAPER, out, 0, 0, 0);
  b.run();
  return out.view.getInt32(0, true) !== 0;
}
