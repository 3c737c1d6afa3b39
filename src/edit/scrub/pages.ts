import { writeZeros } from './image-scrubber.js';
import { SecretStream } from './secrets.js';
import type { Range } from './started-with.js';
import type { Taking } from './taking.js';

type Write = (bytes: Uint8Array) => void;

/** Bytes of pages that are pushed from front to back, without what is taken out. */
export class PagesScrubber {
  readonly #taking: Taking;
  readonly #started: readonly Range[];
  readonly #write: Write;
  readonly #kept: SecretStream;
  #at = 0;

  /** @param started where there are arguments and environments, which get stand-ins even if all else becomes zeros */
  constructor(taking: Taking, started: readonly Range[], write: Write) {
    this.#taking = taking;
    this.#started = taking.takes('memory') && !taking.takes('environment') ? [] : started;
    this.#write = write;
    this.#kept = new SecretStream(taking.secrets, write, (found) => {
      taking.count('secrets', found);
    });
  }

  push(piece: Uint8Array): void {
    const begin = this.#at;
    this.#at += piece.length;
    const takes = this.#taking.takes('memory');
    if (takes) this.#taking.count('memory', piece.length);
    const here = this.#started.filter(({ from, to }) => from < this.#at && to > begin);
    if (takes && here.length === 0) {
      writeZeros(this.#write, piece.length);
      return;
    }
    const out = takes ? Buffer.alloc(piece.length) : Buffer.from(piece);
    if (this.#taking.takes('environment'))
      for (const { from, to } of here) {
        const [first, last] = [Math.max(from, begin) - begin, Math.min(to, this.#at) - begin];
        const text = Buffer.from(piece.subarray(first, last)).toString('latin1');
        out.write(this.#taking.standIns.strings(text), first, 'latin1');
        this.#taking.count('environment', last - first);
      }
    this.#kept.push(out);
  }

  end(): void {
    this.#kept.end();
  }
}
