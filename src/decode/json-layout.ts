import type { TextOut } from './text-out.js';

/** Punctuation of JSON: on one line, or indented by four, both as Python's json.dump. */
export class JsonLayout {
  readonly out: TextOut;
  readonly pretty: boolean;
  /** Objects and lists around. */
  depth = 0;
  readonly #opened: number[] = [];

  constructor(out: TextOut, pretty: boolean) {
    this.out = out;
    this.pretty = pretty;
  }

  /** `{` or `[` */
  open(bracket: number): void {
    this.out.byte(bracket);
    this.#opened[this.depth++] = bracket;
  }

  /** What stands before a member or element. */
  next(first: boolean): void {
    const { out } = this;
    if (this.pretty) {
      if (!first) out.byte(0x2c);
      out.byte(0x0a);
      out.spaces(4 * this.depth);
    } else if (!first) {
      out.reserve(2);
      out.buf[out.length++] = 0x2c;
      out.buf[out.length++] = 0x20;
    }
  }

  /** `}` or `]` */
  close(bracket: number, empty: boolean): void {
    this.depth--;
    if (this.pretty && !empty) {
      this.out.byte(0x0a);
      this.out.spaces(4 * this.depth);
    }
    this.out.byte(bracket);
  }

  /** Closes, after an error, what was opened beyond a depth. */
  unwind(depth: number): void {
    while (this.depth > depth) this.close(this.#opened[this.depth - 1] === OPEN_LIST ? CLOSE_LIST : CLOSE_OBJECT, true);
  }

  /** `"key": ` of a member, with what stands before it. */
  key(name: string, first: boolean): void {
    this.next(first);
    this.out.text(`"${name}": `);
  }

  /** A string of our own. */
  string(text: string): void {
    this.out.string(Buffer.from(text, 'utf8'));
  }
}

export const OPEN_OBJECT = 0x7b;
export const CLOSE_OBJECT = 0x7d;
export const OPEN_LIST = 0x5b;
export const CLOSE_LIST = 0x5d;
