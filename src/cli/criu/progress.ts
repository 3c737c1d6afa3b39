import { nowMs } from '../../image/clock.js';
import { warn, writeAll } from '../stdout.js';

/** Short work needs no progress, and the line needs not change faster than one can read. Milliseconds. */
const FIRST_MS = 400;
const EVERY_MS = 100;

const CLEAR = '\r\x1b[K';

/** One line on a terminal that tells how far long work is; nothing anywhere else. */
export class Progress implements Disposable {
  readonly #on: boolean;
  readonly #start = nowMs();
  #next = FIRST_MS;
  #shown = false;

  /** @param on whether standard error is a terminal */
  constructor(on: boolean) {
    this.#on = on;
  }

  /** `done` of `total`, in bytes or in pieces. */
  show(what: string, done: number, total: number): void {
    if (!this.#on || total <= 0) return;
    const elapsed = nowMs() - this.#start;
    if (elapsed < this.#next) return;
    this.#next = elapsed + EVERY_MS;
    this.#shown = true;
    const percent = Math.min(100, Math.floor((done / total) * 100));
    const size = total >= 1 << 20 ? ` of ${Math.round(total / (1 << 20))} MiB` : '';
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
