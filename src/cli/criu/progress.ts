import { nowMs } from '../../image/clock.js';
import { warn, writeAll } from '../stdout.js';

/** Short work needs no progress, and the line needs not change faster than one can read. Milliseconds. */
const FIRST_MS = 400;
const EVERY_MS = 100;

const MIB = 1 << 20;
const CLEAR = '\r\x1b[K';

/** One line on a terminal that tells how far long work is; nothing anywhere else. */
export class Progress implements Disposable {
  readonly #on: boolean;
  readonly #start = nowMs();
  #next = FIRST_MS;
  #shown = false;
  /** The work that goes on, and where it was when it began. */
  #what = '';
  #began = { done: 0, elapsed: 0 };

  /** @param on whether standard error is a terminal */
  constructor(on: boolean) {
    this.#on = on;
  }

  /** `done` of `total`, in bytes or in pieces. */
  show(what: string, done: number, total: number): void {
    if (!this.#on || total <= 0) return;
    const elapsed = nowMs() - this.#start;
    if (this.#what !== what) {
      this.#what = what;
      this.#began = { done, elapsed };
    }
    if (elapsed < this.#next) return;
    this.#next = elapsed + EVERY_MS;
    this.#shown = true;
    const percent = Math.min(100, Math.floor((done / total) * 100));
    const rate = ((done - this.#began.done) / Math.max(1, elapsed - this.#began.elapsed)) * 1000;
    const size = total >= MIB ? ` of ${Math.round(total / MIB)} MiB, ${Math.round(rate / MIB)} MiB/s` : ` of ${total}`;
    this.#put(`${CLEAR}${what}: ${percent} %${size}`);
  }

  /** Takes the line away. */
  clear(): void {
    if (!this.#shown) return;
    this.#shown = false;
    this.#put(CLEAR);
  }

  #put(text: string): void {
    try {
      writeAll(2, text, 'standard error');
    } catch {
      warn('');
    }
  }

  [Symbol.dispose](): void {
    this.clear();
  }
}
