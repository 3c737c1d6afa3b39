import { QUIET } from '../../src/image/log.js';
import { FrozenTree } from '../../src/dump/freeze.js';
import { borrowMapping } from '../../src/dump/task.js';
import { readMaps } from '../../src/kernel/proc/maps.js';
import { Borrowed } from '../../src/task/borrow.js';
import { BorrowedThread } from '../../src/task/borrowed-thread.js';

/** Borrows a process for the time of `work`. */
export function withBorrowed(pid: number, work: (b: Borrowed, tree: FrozenTree) => void): void {
  const tree = FrozenTree.freeze(pid, QUIET, 5);
  try {
    const threads = tree.tasks[0]!.threads.map((t) => new BorrowedThread(t));
    using b = Borrowed.of(pid, threads, readMaps(pid).map(borrowMapping));
    work(b, tree);
  } finally {
    tree.release();
  }
}
