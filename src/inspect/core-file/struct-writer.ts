/** Writes a structure of C field by field, each at a multiple of its size. */
export class StructWriter {
  readonly wordBytes: 4 | 8;
  readonly #parts: Buffer[] = [];
  #sizeBytes = 0;

  constructor(wordBytes: 4 | 8) {
    this.wordBytes = wordBytes;
  }

  #add(bytes: Buffer, alignBytes: number): this {
    const gap = -this.#sizeBytes & (alignBytes - 1);
    this.#parts.push(Buffer.alloc(gap), bytes);
    this.#sizeBytes += gap + bytes.length;
    return this;
  }

  #integer(value: bigint, sizeBytes: number): this {
    const bytes = Buffer.alloc(8);
    bytes.writeBigUInt64LE(BigInt.asUintN(sizeBytes * 8, value));
    return this.#add(bytes.subarray(0, sizeBytes), sizeBytes);
  }

  /** Numbers of so many bytes; what is too large loses its high bits. */
  integers(sizeBytes: 1 | 2 | 4 | 8, ...values: readonly (number | bigint)[]): this {
    for (const value of values) this.#integer(BigInt(value), sizeBytes);
    return this;
  }

  /** Numbers of type long. */
  words(...values: readonly (number | bigint)[]): this {
    return this.integers(this.wordBytes, ...values);
  }

  bytes(content: Uint8Array): this {
    return this.#add(Buffer.from(content), 1);
  }

  /** A text in a field of so many bytes, the last of which is 0. */
  text(value: string, sizeBytes: number): this {
    const field = Buffer.alloc(sizeBytes);
    field.set(Buffer.from(value).subarray(0, sizeBytes - 1));
    return this.#add(field, 1);
  }

  /** All of it, to a multiple of a long's size. */
  done(): Buffer {
    return Buffer.concat(this.#add(Buffer.alloc(0), this.wordBytes).#parts);
  }
}
