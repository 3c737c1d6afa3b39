import { openByteSource, type ByteSource, type Source } from '../image/byte-source.js';
import { ImageError } from '../image/errors.js';
import { locate } from './locate.js';

/** Objects and lists inside one another. */
const MAX_DEPTH = 256;

const WINDOW = 256 * 1024;
/** Bytes of the window that are never filled: a word at its end may be looked at. */
const SLACK = 8;
/** As much of a value stays in memory so that an error in it can be found again. */
const PIN_BYTES = 1 << 20;

/** A JSON value; integers beyond 2^53 are bigint, so that none loses digits. */
export type JsonValue = null | boolean | number | bigint | string | JsonValue[] | { [key: string]: JsonValue };

const isSpace = (byte: number): boolean => byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;
const isNumberByte = (byte: number): boolean =>
  (byte >= 0x30 && byte <= 0x39) || byte === 0x2d || byte === 0x2b || byte === 0x2e || byte === 0x65 || byte === 0x45;

const NUMBER = /^-?(0|[1-9]\d*)(\.\d+)?([eE][-+]?\d+)?$/;

const ESCAPES: Readonly<Record<number, number | undefined>> = {
  0x22: 0x22,
  0x5c: 0x5c,
  0x2f: 0x2f,
  0x62: 0x08,
  0x66: 0x0c,
  0x6e: 0x0a,
  0x72: 0x0d,
  0x74: 0x09,
};

/** Longest integer that is looked at; 64 bits take 20 digits. */
const MAX_DIGITS = 1000;

/**
 * Reads JSON (RFC 8259) from the front, in a window over its source: a document is never in memory whole unless it is one
 * value. The caller says what it expects next.
 */
export class JsonReader {
  readonly source: ByteSource;
  buf = new Uint8Array(WINDOW + SLACK);
  pos = 0;
  /** Behind the last byte read; buf[end] is 0, which no JSON holds. */
  end = 0;
  /** Offset of buf[0] in the document. */
  #baseBytes = 0;
  #ended = false;
  /** Line breaks before the window, and where the line began that goes on in it. */
  #linesBefore = 0;
  #lineStart = 0;
  /** Where the value begins that is kept in the window so that its parts can be found again; -1 for none. */
  #pin = -1;
  #depth = 0;
  readonly #path: () => string;

  /** @param path tells where in the document the reader is, for errors */
  constructor(source: Source, path: () => string = () => '') {
    this.source = openByteSource(source);
    this.#path = path;
    this.fill(3);
    // A byte order mark is none of JSON, but some editors write it.
    if (this.buf[0] === 0xef && this.buf[1] === 0xbb && this.buf[2] === 0xbf) this.pos = 3;
  }

  fail(reason: string, at = this.pos): never {
    throw new ImageError(
      reason,
      {
        file: this.source.name,
        offsetBytes: this.#baseBytes + at,
        fieldPath: this.#path() || undefined,
        ...this.#lineOf(at),
      },
      { code: 'BAD_JSON' },
    );
  }

  /** From here on what is read stays in the window, as far as that is not too much. */
  pin(): void {
    this.#pin = this.pos;
  }

  /** The same error, with the line and column of the value in what was pinned that its path (from there on) leads to. */
  placed(error: ImageError, path: string): ImageError {
    const { reason, file, fieldPath, code, cause } = error;
    const at =
      this.#pin < 0
        ? this.pos
        : this.#pin + locate(Buffer.from(this.buf.subarray(this.#pin, this.end)).toString('latin1'), path);
    return new ImageError(reason, { file, fieldPath, ...this.#lineOf(at) }, { code, cause });
  }

  #lineOf(at: number): { line: number; column: number } {
    let line = this.#linesBefore + 1;
    let start = this.#lineStart - this.#baseBytes;
    for (let found = 0; (found = this.buf.indexOf(0x0a, found)) >= 0 && found < at;) {
      line++;
      start = ++found;
    }
    // columns are characters: bytes that go on one do not count
    let column = start < 0 ? 1 - start : 1;
    for (let i = Math.max(0, start); i < at; i++) if (((this.buf[i] as number) & 0xc0) !== 0x80) column++;
    return { line, column };
  }

  /** Counts the lines of what leaves the window. */
  #leave(count: number): void {
    // Buffer's indexOf is memchr(3), that of typed arrays is not.
    const gone = Buffer.from(this.buf.buffer, 0, count);
    for (let found = 0; (found = gone.indexOf(0x0a, found)) >= 0;) {
      this.#linesBefore++;
      this.#lineStart = this.#baseBytes + ++found;
    }
  }

  /** Brings at least `count` bytes into the window, moving what is there. @returns how many there are from pos on */
  fill(count: number): number {
    if (this.end - this.pos >= count || this.#ended) return this.end - this.pos;
    if (this.#pin >= 0 && this.pos - this.#pin > PIN_BYTES) this.#pin = -1;
    const gone = this.#pin >= 0 ? this.#pin : this.pos;
    if (gone > 0) {
      this.#leave(gone);
      this.buf.copyWithin(0, gone, this.end);
      this.#baseBytes += gone;
      this.end -= gone;
      this.pos -= gone;
      if (this.#pin >= 0) this.#pin = 0;
    }
    while (this.end - this.pos < count) {
      if (this.end === this.buf.length - SLACK) {
        const grown = new Uint8Array(2 * this.buf.length);
        grown.set(this.buf.subarray(0, this.end));
        this.buf = grown;
      }
      const got = this.source.read(this.buf, this.end, this.buf.length - SLACK - this.end);
      if (got === 0) {
        this.#ended = true;
        break;
      }
      this.end += got;
    }
    this.buf[this.end] = 0;
    return this.end - this.pos;
  }

  /** The next byte that is no white space, not taken; 0 at the end. */
  peek(): number {
    for (;;) {
      while (isSpace(this.buf[this.pos] as number)) this.pos++;
      if (this.pos < this.end) return this.buf[this.pos] as number;
      if (this.fill(1) === 0) return 0;
    }
  }

  /** Takes a punctuation mark. */
  expect(byte: number): void {
    const found = this.peek();
    if (found !== byte || this.pos >= this.end) {
      this.fail(`expected ${String.fromCharCode(byte)}, got ${this.#shown(found)}`);
    }
    this.pos++;
  }

  #shown(byte: number): string {
    if (this.pos >= this.end) return 'the end';
    return byte > 0x20 && byte < 0x7f ? String.fromCharCode(byte) : `the byte 0x${byte.toString(16).padStart(2, '0')}`;
  }

  /** Nothing but white space may be left. */
  expectEnd(): void {
    const found = this.peek();
    if (this.pos < this.end) this.fail(`expected the end, got ${this.#shown(found)}`);
  }

  /** Goes through the members of an object; `member` must take the value. */
  object(member: (key: string) => void): void {
    this.expect(0x7b);
    this.#down();
    if (this.peek() === 0x7d) this.pos++;
    else {
      for (;;) {
        if (this.peek() !== 0x22) this.fail(`expected a key, got ${this.#shown(this.peek())}`);
        const key = this.string();
        this.expect(0x3a);
        member(key);
        if (this.peek() === 0x7d) break;
        this.expect(0x2c);
      }
      this.pos++;
    }
    this.#depth--;
  }

  /** Goes through the elements of a list; `element` must take the value. */
  list(element: (index: number) => void): void {
    this.expect(0x5b);
    this.#down();
    if (this.peek() === 0x5d) this.pos++;
    else {
      for (let index = 0; ; index++) {
        element(index);
        if (this.peek() === 0x5d) break;
        this.expect(0x2c);
      }
      this.pos++;
    }
    this.#depth--;
  }

  #down(): void {
    if (++this.#depth > MAX_DEPTH) this.fail(`nested deeper than ${MAX_DEPTH}`);
  }

  /** Reads a string. */
  string(): string {
    const parts: Buffer[] = [];
    let text = '';
    this.pieces(
      (piece) => parts.push(Buffer.from(piece)),
      (unit) => {
        // What came before is decoded as a whole: a character may lie across two windows.
        text += this.#utf8(parts) + String.fromCharCode(unit);
      },
    );
    return text + this.#utf8(parts);
  }

  #utf8(parts: Buffer[]): string {
    if (parts.length === 0) return '';
    const bytes = parts.length === 1 && parts[0] ? parts[0] : Buffer.concat(parts);
    parts.length = 0;
    let text = bytes.toString('latin1');
    // eslint-disable-next-line no-control-regex -- all of ASCII
    if (!/^[\x00-\x7f]*$/.test(text)) {
      text = bytes.toString('utf8');
      if (text.includes('\ufffd') && Buffer.compare(Buffer.from(text), bytes) !== 0)
        this.fail('a string that is not UTF-8');
    }
    return text;
  }

  /**
   * Takes a string piece by piece.
   * @param bytes gets its bytes as they stand (UTF-8), valid until it returns @param unit gets UTF-16 units of escapes
   * @param take may take what stands in the window at [start, end), before anything else looks at it; returns where it stopped
   */
  pieces(
    bytes: (piece: Uint8Array) => void,
    unit: (unit: number) => void,
    take?: (buf: Uint8Array, start: number, end: number) => number,
  ): void {
    this.expect(0x22);
    for (;;) {
      const { buf, end } = this;
      if (take) this.pos = take(buf, this.pos, end);
      let at = this.pos;
      let byte = buf[at] as number;
      while (byte >= 0x20 && byte !== 0x22 && byte !== 0x5c) byte = buf[++at] as number;
      if (at > this.pos) bytes(buf.subarray(this.pos, at));
      this.pos = at;
      if (at >= end) {
        if (this.fill(1) === 0) this.fail('ends within a string');
        continue;
      }
      this.pos++;
      if (byte === 0x22) return;
      if (byte !== 0x5c) this.fail(`the byte 0x${byte.toString(16).padStart(2, '0')} must be escaped in a string`, at);
      unit(this.#escape());
    }
  }

  #escape(): number {
    if (this.fill(5) < 1) this.fail('ends within a string');
    const letter = this.buf[this.pos++] as number;
    if (letter !== 0x75) return ESCAPES[letter] ?? this.fail('no such escape in a string', this.pos - 2);
    const digits = Buffer.from(this.buf.subarray(this.pos, Math.min(this.pos + 4, this.end))).toString('latin1');
    if (!/^[0-9a-fA-F]{4}$/.test(digits)) this.fail('no such escape in a string', this.pos - 2);
    this.pos += 4;
    return parseInt(digits, 16);
  }

  /** Reads a number. */
  number(): number | bigint {
    let text = '';
    for (;;) {
      const start = this.pos;
      while (isNumberByte(this.buf[this.pos] as number)) this.pos++;
      text += Buffer.from(this.buf.buffer, start, this.pos - start).toString('latin1');
      if (text.length > MAX_DIGITS) this.fail(`a number of more than ${MAX_DIGITS} characters`);
      if (this.pos < this.end || this.fill(1) === 0) break;
    }
    const match = NUMBER.exec(text);
    if (!match)
      this.fail(
        text === ''
          ? `expected a value, got ${this.#shown(this.peek())}`
          : `expected a number, got ${text.slice(0, 40)}`,
      );
    const value = Number(text);
    if (Number.isSafeInteger(value) || match[2] !== undefined || match[3] !== undefined) return value;
    return BigInt(text);
  }

  #word(word: string, value: null | boolean): null | boolean {
    this.fill(word.length);
    const found = Buffer.from(this.buf.subarray(this.pos, Math.min(this.pos + word.length, this.end))).toString(
      'latin1',
    );
    if (found !== word) this.fail(`expected a value, got ${this.#shown(this.buf[this.pos] as number)}`);
    this.pos += word.length;
    return value;
  }

  /** Reads any value. A key that comes twice is refused. */
  value(): JsonValue {
    switch (this.peek()) {
      case 0x7b: {
        const object: Record<string, JsonValue> = Object.create(null) as Record<string, JsonValue>;
        this.object((key) => {
          if (key in object) this.fail(`${JSON.stringify(key)} is given twice`);
          object[key] = this.value();
        });
        return object;
      }
      case 0x5b: {
        const list: JsonValue[] = [];
        this.list(() => {
          list.push(this.value());
        });
        return list;
      }
      case 0x22:
        return this.string();
      case 0x74:
        return this.#word('true', true);
      case 0x66:
        return this.#word('false', false);
      case 0x6e:
        return this.#word('null', null);
      case 0:
        if (this.pos >= this.end) this.fail('expected a value, got the end');
        break;
      default:
    }
    return this.number();
  }

  close(): void {
    this.source.close();
  }
}
