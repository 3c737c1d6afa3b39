import { CritError } from '../../image/errors.js';
import { addon } from '../../native/addon.js';

const CAUGHT = { SIGHUP: 1, SIGINT: 2, SIGTERM: 15 } as const;

/**
 * While it exists, SIGINT, SIGTERM and SIGHUP end nothing at once: they are noted, and `check` throws at the next
 * place where a run may be given up. A second one of the same kind ends crit as ever. (JavaScript's own signal events
 * come too late: the engines are synchronous.)
 */
export class Interrupts implements Disposable {
  readonly #word = new Int32Array(1);

  constructor() {
    for (const signal of Object.values(CAUGHT)) addon().catchSignal(signal, this.#word);
  }

  /** @throws CritError INTERRUPTED */
  check(): void {
    const number = Atomics.load(this.#word, 0);
    if (number === 0) return;
    const name = Object.entries(CAUGHT).find(([, value]) => value === number)?.[0] ?? `signal ${number}`;
    throw new CritError(`given up because of ${name}: everything is as it was before`, { code: 'INTERRUPTED' });
  }

  /** From now on they end crit as ever. */
  [Symbol.dispose](): void {
    for (const signal of Object.values(CAUGHT)) addon().catchSignal(signal, null);
  }
}
