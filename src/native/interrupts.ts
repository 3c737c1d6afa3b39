import { CritError } from '../image/errors.js';
import { SIGHUP, SIGINT, SIGTERM } from '../kernel/uapi/signal.js';
import { addon } from './addon.js';

const CAUGHT: ReadonlyMap<number, string> = new Map<number, string>([
  [SIGHUP, 'SIGHUP'],
  [SIGINT, 'SIGINT'],
  [SIGTERM, 'SIGTERM'],
]);

/** Where the handler notes the signal: one word for the process, as signals are the process's. */
const word = new Int32Array(1);

/**
 * While it exists, SIGINT, SIGTERM and SIGHUP end nothing at once: they are noted, and `checkInterrupts` throws at the
 * next place where a run may be given up, or within 20 ms where crit waits for a task. A second one of the same kind ends
 * crit as ever. (JavaScript's own signal events come too late: the engines are synchronous.)
 */
export class Interrupts implements Disposable {
  constructor() {
    Atomics.store(word, 0, 0);
    for (const signal of CAUGHT.keys()) addon().catchSignal(signal, word);
  }

  /** From now on they end crit as ever. */
  [Symbol.dispose](): void {
    for (const signal of CAUGHT.keys()) addon().catchSignal(signal, null);
    Atomics.store(word, 0, 0);
  }
}

/** @throws CritError INTERRUPTED when a signal has come that asks crit to end */
export function checkInterrupts(): void {
  const number = Atomics.load(word, 0);
  if (number === 0) return;
  const name = CAUGHT.get(number) ?? `signal ${number}`;
  throw new CritError(`given up because of ${name}: everything is as it was before`, { code: 'INTERRUPTED' });
}
