import type { StandIns } from './stand-ins.js';

/** A match of a regular expression is found whole when it is no longer. */
const LONGEST_MATCH = 4096;

/** Bytes, or an expression in which a byte is the character of its number. */
export type SecretPattern = Uint8Array | RegExp;

/** Finds secrets by their bytes, and puts letters in their place: the same for the same secret. */
export class Secrets {
  readonly #standIns: StandIns;
  readonly #bytes: readonly Buffer[];
  readonly #expressions: readonly RegExp[];
  /** Bytes behind the begin of a match that have to be seen. */
  readonly marginBytes: number;

  constructor(patterns: readonly SecretPattern[], standIns: StandIns) {
    this.#standIns = standIns;
    this.#bytes = patterns.flatMap((one) => (one instanceof RegExp || one.length === 0 ? [] : [Buffer.from(one)]));
    this.#expressions = patterns
      .filter((one) => one instanceof RegExp)
      .map(
        ({ source, flags }) =>
          new RegExp(Buffer.from(source, 'utf8').toString('latin1'), `${flags.replace(/[guvyd]/g, '')}g`),
      );
    const longest = Math.max(0, ...this.#bytes.map(({ length }) => length));
    this.marginBytes = this.#expressions.length > 0 ? Math.max(LONGEST_MATCH, longest) : longest;
  }

  get none(): boolean {
    return this.marginBytes === 0;
  }

  /** Takes out, in place, what begins before `limit`. @returns how many there were */
  mask(bytes: Uint8Array, limit = bytes.length): number {
    if (this.none || limit === 0) return 0;
    const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    let found = 0;
    for (const pattern of this.#bytes)
      for (let at = buffer.indexOf(pattern); at >= 0 && at < limit; at = buffer.indexOf(pattern, at + pattern.length)) {
        this.#put(buffer, at, pattern.length);
        found++;
      }
    for (const expression of this.#expressions) {
      const text = buffer.toString('latin1');
      expression.lastIndex = 0;
      for (let match = expression.exec(text); match && match.index < limit; match = expression.exec(text)) {
        if (match[0] === '') expression.lastIndex++;
        else {
          this.#put(buffer, match.index, match[0].length);
          found++;
        }
      }
    }
    return found;
  }

  #put(buffer: Buffer, at: number, length: number): void {
    const was = buffer.toString('latin1', at, at + length);
    buffer.write(this.#standIns.letters(was), at, 'latin1');
  }
}

/** The same over bytes that come in pieces, and with them a secret that lies across two. */
export class SecretStream {
  readonly #secrets: Secrets;
  readonly #write: (bytes: Uint8Array) => void;
  readonly #found: (count: number) => void;
  #tail = Buffer.alloc(0);

  constructor(secrets: Secrets, write: (bytes: Uint8Array) => void, found: (count: number) => void) {
    this.#secrets = secrets;
    this.#write = write;
    this.#found = found;
  }

  push(piece: Uint8Array): void {
    if (this.#secrets.none) {
      this.#write(piece);
      return;
    }
    const bytes = Buffer.concat([this.#tail, piece]);
    const limit = Math.max(0, bytes.length - this.#secrets.marginBytes);
    this.#found(this.#secrets.mask(bytes, limit));
    this.#write(bytes.subarray(0, limit));
    this.#tail = Buffer.from(bytes.subarray(limit));
  }

  end(): void {
    this.#found(this.#secrets.mask(this.#tail));
    if (this.#tail.length > 0) this.#write(this.#tail);
    this.#tail = Buffer.alloc(0);
  }
}
