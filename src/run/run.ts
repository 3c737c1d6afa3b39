import type { Log } from '../image/log.js';
import { Stats } from '../image/stats.js';
import { checkInterrupts, Interrupts } from '../native/interrupts.js';

/** What an engine and all that stands around it are given. */
export interface Run {
  readonly log: Log;
  readonly stats: Stats;
}

/** Who watches a run. */
export interface Watcher {
  /** `done` of `total`, in bytes or in pieces. */
  show(what: string, done: number, total: number): void;
  /** A line of the log comes. */
  clear?(): void;
  /** Here the work can be given up: throws to do so. */
  checkpoint?(): void;
}

/**
 * Lets an engine work. A signal that asks crit to end gives the work up, at the next place where everything can be taken
 * back; phases go to the log.
 */
export function inRun<T>(log: Log, watcher: Watcher, work: (run: Run) => T): T {
  using _interrupts = new Interrupts();
  const stats = new Stats({
    ended: (name, micros) => {
      watcher.clear?.();
      log.info(`${name}: ${micros} us`);
    },
    progress: (what, done, total) => {
      watcher.show(what, done, total);
    },
    checkpoint: () => {
      checkInterrupts();
      watcher.checkpoint?.();
    },
  });
  return work({ log, stats });
}
