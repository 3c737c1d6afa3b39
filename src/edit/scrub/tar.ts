import { writeZeros } from './image-scrubber.js';
import type { Taking } from './taking.js';

type Write = (bytes: Uint8Array) => void;

/** POSIX.1 ustar: everything is in blocks of this size. */
const BLOCK = 512;
/** A longer header of names is none, and goes as the content of a file does. */
const MAX_NAMES_BYTES = 1 << 20;
const CHECKSUM = { at: 148, length: 8 } as const;
/** GNU's sparse files: whether another block of the map follows. */
const MORE_IN_HEADER = 482;
const MORE_IN_BLOCK = 504;
/** Keys of a pax header that are not of a program's making. */
const PAX_KEYS =
  /^(path|linkpath|uname|gname|size|uid|gid|[amc]time|hdrcharset|charset|SCHILY\.(dev|ino|nlink|realsize)|GNU\.sparse\.[a-z]+)$/;

function octal(block: Buffer, at: number, length: number): number {
  if ((block[at]! & 0x80) !== 0) return Number(block.readBigUInt64BE(at + length - 8));
  return parseInt(
    block
      .toString('latin1', at, at + length)
      .replace(/\0.*$/s, '')
      .trim() || '0',
    8,
  );
}

/** A tar archive that is pushed in pieces: names get stand-ins, contents become zeros. Sizes, modes and times stay. */
export class TarScrubber {
  readonly #taking: Taking;
  readonly #write: Write;
  #block = Buffer.alloc(0);
  /** Bytes of content that are still to come, and of padding. */
  #content = 0;
  #padding = 0;
  /** Content that is names. */
  #names: { readonly isPax: boolean; readonly parts: Uint8Array[] } | undefined;
  #sparseMap = false;
  #damaged = false;

  constructor(taking: Taking, write: Write) {
    this.#taking = taking;
    this.#write = write;
  }

  push(piece: Uint8Array): void {
    for (let at = 0; at < piece.length;) {
      const rest = piece.subarray(at);
      if (this.#damaged) {
        this.#zero(rest.length);
        return;
      }
      if (this.#content > 0) at += this.#takeContent(rest);
      else if (this.#padding > 0) {
        const count = Math.min(this.#padding, rest.length);
        writeZeros(this.#write, count);
        this.#padding -= count;
        at += count;
      } else {
        const some = rest.subarray(0, BLOCK - this.#block.length);
        this.#block = Buffer.concat([this.#block, some]);
        at += some.length;
        if (this.#block.length === BLOCK) this.#takeBlock();
      }
    }
  }

  end(): void {
    this.#zero(this.#block.length);
  }

  #zero(count: number): void {
    writeZeros(this.#write, count);
    this.#taking.count('unreadable', count);
  }

  #takeContent(rest: Uint8Array): number {
    const some = rest.subarray(0, this.#content);
    this.#content -= some.length;
    if (this.#names) {
      this.#names.parts.push(Uint8Array.from(some));
      if (this.#content === 0) this.#writeNames(Buffer.concat(this.#names.parts), this.#names.isPax);
    } else if (this.#taking.takes('data')) {
      writeZeros(this.#write, some.length);
      this.#taking.count('data', some.length);
    } else {
      const kept = Uint8Array.from(some);
      this.#taking.count('secrets', this.#taking.secrets.mask(kept));
      this.#write(kept);
    }
    return some.length;
  }

  #takeBlock(): void {
    const block = this.#block;
    this.#block = Buffer.alloc(0);
    if (this.#sparseMap) {
      this.#sparseMap = block[MORE_IN_BLOCK] === 1;
      block.fill(0, MORE_IN_BLOCK + 1);
      this.#write(block);
      return;
    }
    if (block.every((byte) => byte === 0)) {
      this.#write(block);
      return;
    }
    const size = octal(block, 124, 12);
    if (!(size >= 0) || block.toString('latin1', 257, 262) !== 'ustar') {
      this.#damaged = true;
      this.#zero(BLOCK);
      return;
    }
    const type = String.fromCharCode(block[156]!);
    const isPax = type === 'x' || type === 'g';
    this.#names = (isPax || type === 'L' || type === 'K') && size <= MAX_NAMES_BYTES ? { isPax, parts: [] } : undefined;
    this.#header(block, type);
    // links and devices have no content, whatever size they tell
    this.#content = /[1-6]/.test(type) ? 0 : size;
    this.#padding = (BLOCK - (this.#content % BLOCK)) % BLOCK;
  }

  #header(block: Buffer, type: string): void {
    const gnu = block.toString('latin1', 257, 265).startsWith('ustar  ');
    this.#text(block.subarray(0, 100));
    this.#text(block.subarray(157, 257));
    this.#text(block.subarray(265, 297), 'name');
    this.#text(block.subarray(297, 329), 'name');
    if (!gnu) this.#text(block.subarray(345, 500));
    else if (type === 'S') this.#sparseMap = block[MORE_IN_HEADER] === 1;
    block.fill(0, 500 - (gnu && type === 'S' ? 5 : 0), BLOCK);
    block.fill(0x20, CHECKSUM.at, CHECKSUM.at + CHECKSUM.length);
    const sum = block.reduce((all, byte) => all + byte, 0);
    block.write(`${sum.toString(8).padStart(6, '0')}\0 `, CHECKSUM.at, 'latin1');
    this.#write(block);
  }

  #text(field: Buffer, as: 'path' | 'name' = 'path'): void {
    const nul = field.indexOf(0);
    const text = field.subarray(0, nul < 0 ? field.length : nul);
    text.set(this.#taking.field(as, text));
    field.fill(0, text.length);
  }

  #writeNames(bytes: Buffer, isPax: boolean): void {
    if (!isPax) this.#text(bytes);
    else
      for (let at = 0; at < bytes.length;) {
        const space = bytes.indexOf(0x20, at);
        const length = space < 0 ? NaN : Number(bytes.toString('latin1', at, space));
        if (!(length > space - at + 1) || at + length > bytes.length) {
          this.#taking.count('unreadable', bytes.length - at);
          bytes.fill(0, at);
          break;
        }
        this.#record(bytes.subarray(space + 1, at + length - 1));
        at += length;
      }
    this.#write(bytes);
    this.#names = undefined;
  }

  /** KEY=VALUE */
  #record(record: Buffer): void {
    const equals = record.indexOf(0x3d);
    const key = record.toString('latin1', 0, Math.max(0, equals));
    if (!PAX_KEYS.test(key)) record.set(this.#taking.field('path', record.subarray(0, Math.max(0, equals))));
    const value = record.subarray(equals + 1);
    if (!/^[\d.,-]+$/.test(value.toString('latin1'))) value.set(this.#taking.field('path', value));
  }
}
