/** A short ASCII text as 32-bit words of little endian bytes: compared and copied four bytes at a time. */
export class WordText {
  readonly length: number;
  readonly #words: Int32Array;
  /** The bits of the last word that are text; the others are 0. */
  readonly #lastMask: number;

  constructor(text: Uint8Array) {
    this.length = text.length;
    const padded = new Uint8Array(4 * Math.ceil(text.length / 4));
    padded.set(text);
    const view = new DataView(padded.buffer);
    this.#words = Int32Array.from({ length: padded.length / 4 }, (_, i) => view.getInt32(4 * i, true));
    const over = padded.length - text.length;
    this.#lastMask = -1 >>> (8 * over);
  }

  /** Puts it; up to three bytes behind it are overwritten. */
  put(to: DataView, at: number): void {
    const words = this.#words;
    for (let i = 0; i < words.length; i++) to.setInt32(at + 4 * i, words[i] as number, true);
  }

  /** Whether it stands there; looks at up to three bytes behind it. */
  standsAt(from: DataView, at: number): boolean {
    const words = this.#words;
    const last = words.length - 1;
    for (let i = 0; i < last; i++) if (from.getInt32(at + 4 * i, true) !== words[i]) return false;
    return ((from.getInt32(at + 4 * last, true) ^ (words[last] as number)) & this.#lastMask) === 0;
  }
}
