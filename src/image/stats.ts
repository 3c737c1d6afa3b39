import { nowMs } from './clock.js';
import type { Messages } from './generated/messages.js';

type TimeField =
  | 'freezing_time'
  | 'frozen_time'
  | 'memdump_time'
  | 'memwrite_time'
  | 'irmap_resolve'
  | 'forking_time'
  | 'restore_time';

/** What stats-dump and stats-restore count (proto/stats.proto). */
export type CountField =
  | 'pages_scanned'
  | 'pages_skipped_parent'
  | 'pages_written'
  | 'pages_lazy'
  | 'shpages_scanned'
  | 'shpages_skipped_parent'
  | 'shpages_written'
  | 'pages_compared'
  | 'pages_skipped_cow'
  | 'pages_restored';

/** A stretch of work: one of those that the images have a field for, or any other that the log is to tell the cost of. */
export type PhaseName = TimeField | (string & {});

/** A stretch of work that has begun. */
export interface Phase {
  /** Ends it; a second call does nothing. */
  end(): void;
}

/** Who is told while it happens: the command line's log and progress. */
export interface StatsListener {
  /** A phase ended. `micros`: how long it took. */
  ended?(name: PhaseName, micros: number): void;
  /** Work went on: `done` of `total`, in bytes or pieces. */
  progress?(what: string, done: number, total: number): void;
  /** Called between steps that may be given up here; throws to give up. */
  checkpoint?(): void;
}

/** uint32 is what the images have room for: 71 minutes. */
const UINT32_MAX = 0xffff_ffff;

const nowMicros = (): number => Math.floor(nowMs() * 1000);

/**
 * How long the parts of a dump or restore took (microseconds, of a monotonic clock) and how much they moved. A phase may
 * begin several times: the times add up. `checkpoint` and `progress` are also where a run is given up (Ctrl-C).
 * @example
 * const phase = stats.phase('memdump_time');
 * stats.add('pages_written', 512);
 * phase.end();
 */
export class Stats {
  readonly #listener: StatsListener;
  readonly #micros = new Map<PhaseName, number>();
  readonly #counts = new Map<CountField, number>();

  constructor(listener: StatsListener = {}) {
    this.#listener = listener;
  }

  /** Begins a stretch of work. */
  phase(name: PhaseName): Phase {
    const start = nowMicros();
    let running = true;
    return {
      end: () => {
        if (!running) return;
        running = false;
        const micros = nowMicros() - start;
        this.#micros.set(name, this.micros(name) + micros);
        this.#listener.ended?.(name, micros);
      },
    };
  }

  /** Counts something up. */
  add(name: CountField, count: number): void {
    this.#counts.set(name, this.count(name) + count);
  }

  /** A place where everything can still be taken back. @throws CritError when the run is given up */
  checkpoint(): void {
    this.#listener.checkpoint?.();
  }

  /** Tells how far long work is, for a terminal; call it at most every few megabytes. @throws CritError when given up */
  progress(what: string, done: number, total: number): void {
    this.#listener.checkpoint?.();
    this.#listener.progress?.(what, done, total);
  }

  /** Microseconds that all phases of this name took together. */
  micros(name: PhaseName): number {
    return this.#micros.get(name) ?? 0;
  }

  count(name: CountField): number {
    return this.#counts.get(name) ?? 0;
  }

  /** The message of stats-dump. */
  dumpEntry(): Messages['stats_entry'] {
    return {
      dump: {
        freezing_time: this.#time('freezing_time'),
        frozen_time: this.#time('frozen_time'),
        memdump_time: this.#time('memdump_time'),
        memwrite_time: this.#time('memwrite_time'),
        pages_scanned: this.#big('pages_scanned'),
        pages_skipped_parent: this.#big('pages_skipped_parent'),
        pages_written: this.#big('pages_written'),
        irmap_resolve: this.#time('irmap_resolve'),
        pages_lazy: this.#big('pages_lazy'),
        page_pipes: 0n,
        page_pipe_bufs: 0n,
        shpages_scanned: this.#big('shpages_scanned'),
        shpages_skipped_parent: this.#big('shpages_skipped_parent'),
        shpages_written: this.#big('shpages_written'),
      },
    };
  }

  /** The message of stats-restore. */
  restoreEntry(): Messages['stats_entry'] {
    return {
      restore: {
        pages_compared: this.#big('pages_compared'),
        pages_skipped_cow: this.#big('pages_skipped_cow'),
        forking_time: this.#time('forking_time'),
        restore_time: this.#time('restore_time'),
        pages_restored: this.#big('pages_restored'),
      },
    };
  }

  #time(name: TimeField): number {
    return Math.min(this.micros(name), UINT32_MAX);
  }

  #big(name: CountField): bigint {
    return BigInt(this.count(name));
  }
}
