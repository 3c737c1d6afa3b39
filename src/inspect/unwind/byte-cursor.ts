/** Reads bytes that anybody may have written: behind their end everything is 0, and `isCut` says so. */
export class ByteCursor {
  readonly #bytes: Buffer;
  readonly #start: bigint;
  readonly wordBytes: 4 | 8;
  at = 0;
  isCut = false;

  /** @param start the address of the first byte */
  constructor(bytes: Buffer, start: bigint, wordBytes: 4 | 8) {
    this.#bytes = bytes;
    this.#start = start;
    this.wordBytes = wordBytes;
  }

  /** The address of the next byte. */
  get address(): bigint {
    return this.#start + BigInt(this.at);
  }

  get isAtEnd(): boolean {
    return this.isCut || this.at >= this.#bytes.length;
  }

  /** Takes so many bytes; fewer at the end. */
  block(length: number): Buffer {
    const end = Math.min(this.#bytes.length, this.at + length);
    if (end - this.at < length) this.isCut = true;
    const taken = this.#bytes.subarray(this.at, end);
    this.at = end;
    return taken;
  }

  #fixed(length: number): Buffer {
    const bytes = this.block(length);
    return bytes.length === length ? bytes : Buffer.alloc(length);
  }

  u8 = (): number => this.#fixed(1)[0]!;
  u16 = (): number => this.#fixed(2).readUInt16LE();
  u32 = (): number => this.#fixed(4).readUInt32LE();
  u64 = (): bigint => this.#fixed(8).readBigUInt64LE();
  s8 = (): number => this.#fixed(1).readInt8();
  s16 = (): number => this.#fixed(2).readInt16LE();
  s32 = (): number => this.#fixed(4).readInt32LE();
  s64 = (): bigint => this.#fixed(8).readBigInt64LE();
  word = (): bigint => (this.wordBytes === 8 ? this.u64() : BigInt(this.u32()));

  #leb(): { value: bigint; bits: bigint; isNegative: boolean } {
    let value = 0n;
    let bits = 0n;
    for (;;) {
      const byte = this.u8();
      value |= BigInt(byte & 0x7f) << bits;
      bits += 7n;
      // 10 bytes hold 64 bits
      if (!(byte & 0x80) || bits >= 70n) return { value, bits, isNegative: (byte & 0x40) !== 0 };
    }
  }

  uleb = (): bigint => BigInt.asUintN(64, this.#leb().value);

  sleb = (): bigint => {
    const { value, bits, isNegative } = this.#leb();
    return BigInt.asIntN(64, isNegative ? value - (1n << bits) : value);
  };

  /** A small number (a register, a length): what is larger than any of them is the largest. */
  number = (): number => Math.min(Number(this.uleb()), 0x7fff_ffff);

  /** A text that ends with a zero, of at most 32 bytes. */
  text(): string {
    let out = '';
    for (let byte = this.u8(); byte !== 0; byte = this.u8()) {
      out += String.fromCharCode(byte);
      if (out.length > 32) this.isCut = true;
      if (this.isCut) break;
    }
    return out;
  }
}
