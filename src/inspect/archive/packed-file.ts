import { Decompress } from 'fzstd';
import { Gunzip, ZstdDecompress } from 'minizlib';
import { constants } from 'node:zlib';
import { ImageError } from '../../image/errors.js';
import type { StoredFile } from '../../image/image-store.js';

/** Packed bytes that are handed to a decompressor at a time. */
const STEP = 64 << 10;

/** What unpacks: what it makes of the bytes it is given comes out at once. */
interface Unpacker {
  push(bytes: Uint8Array, last: boolean): void;
}

export type Packing = 'gzip' | 'zstd';

/** How a file is packed, by its first bytes (RFC 1952, RFC 8878). */
export function packingOf(head: Uint8Array): Packing | undefined {
  if (head[0] === 0x1f && head[1] === 0x8b) return 'gzip';
  return head[0] === 0x28 && head[1] === 0xb5 && head[2] === 0x2f && head[3] === 0xfd ? 'zstd' : undefined;
}

function unpacker(packing: Packing, out: (bytes: Uint8Array) => void): Unpacker {
  // Node has zstd from 22.15 on
  if (packing === 'zstd' && !('ZSTD_d_windowLogMax' in constants)) {
    const stream = new Decompress(out);
    // fzstd keeps what it is given, and the caller uses its buffer again
    return {
      push: (bytes, last) => {
        stream.push(bytes.slice(), last);
      },
    };
  }
  const stream = packing === 'gzip' ? new Gunzip({}) : new ZstdDecompress({});
  stream.on('data', (bytes: Buffer) => {
    out(bytes);
  });
  stream.on('error', (error) => {
    throw error;
  });
  return {
    push: (bytes, last) => {
      if (bytes.length > 0) stream.write(Buffer.from(bytes));
      if (last) stream.end();
    },
  };
}

/**
 * The unpacked bytes of a packed file. Nothing is unpacked to disk and nothing but a few hundred KiB is in memory: what lies
 * behind the last place that was read is reached by unpacking on, what lies before it by beginning anew.
 */
export class PackedFile implements StoredFile {
  readonly name: string;
  /** Known when the end was reached, Infinity before. */
  sizeBytes = Infinity;
  readonly #packed: StoredFile;
  readonly #packing: Packing;
  #unpacker: Unpacker | undefined;
  #packedAt = 0;
  /** Unpacked, not read: in order, from #start on. */
  #ready: Uint8Array[] = [];
  #start = 0;

  constructor(packed: StoredFile, packing: Packing) {
    this.name = packed.name;
    this.#packed = packed;
    this.#packing = packing;
  }

  read(target: Uint8Array, offset: number, length: number, position: number): number {
    if (position < this.#start || !this.#unpacker) this.#begin();
    for (;;) {
      const first = this.#ready[0];
      if (first && position < this.#start + first.length) {
        const at = position - this.#start;
        const some = first.subarray(at, at + length);
        target.set(some, offset);
        return some.length;
      }
      if (first) {
        this.#start += first.length;
        this.#ready.shift();
      } else if (!this.#more()) return 0;
    }
  }

  #begin(): void {
    this.#ready = [];
    this.#start = this.#packedAt = 0;
    this.#unpacker = unpacker(this.#packing, (bytes) => {
      if (bytes.length > 0) this.#ready.push(bytes);
    });
  }

  /** Unpacks on. @returns false at the end @throws ImageError BAD_ARCHIVE */
  #more(): boolean {
    const bytes = new Uint8Array(STEP);
    while (this.#ready.length === 0) {
      if (this.#packedAt > this.#packed.sizeBytes) {
        this.sizeBytes = this.#start;
        return false;
      }
      const got = this.#packed.read(bytes, 0, STEP, this.#packedAt);
      try {
        this.#unpacker!.push(bytes.subarray(0, got), got === 0);
      } catch (error) {
        const reason = `is not sound ${this.#packing} data, from byte ${this.#packedAt} on: ${(error as Error).message}`;
        throw new ImageError(reason, { file: this.name }, { code: 'BAD_ARCHIVE', cause: error });
      }
      this.#packedAt += got === 0 ? Infinity : got;
    }
    return true;
  }

  [Symbol.dispose](): void {
    this.#packed[Symbol.dispose]();
  }
}
