/** Bytes in the making. */
export class WireWriter {
  buf: Uint8Array;
  length = 0;

  constructor(sizeBytes = 256) {
    this.buf = new Uint8Array(sizeBytes);
  }

  /** Makes room for `count` more bytes. */
  reserve(count: number): void {
    if (this.length + count <= this.buf.length) return;
    const grown = new Uint8Array(Math.max(this.buf.length * 2, this.length + count));
    grown.set(this.buf.subarray(0, this.length));
    this.buf = grown;
  }

  byte(value: number): void {
    this.reserve(1);
    this.buf[this.length++] = value;
  }

  bytes(value: Uint8Array): void {
    this.reserve(value.length);
    this.buf.set(value, this.length);
    this.length += value.length;
  }

  /** A varint of two 32-bit halves. */
  varint(lo: number, hi: number): void {
    this.reserve(10);
    const { buf } = this;
    let at = this.length;
    let low = lo >>> 0;
    let high = hi >>> 0;
    while (high !== 0) {
      buf[at++] = (low & 0x7f) | 0x80;
      low = ((low >>> 7) | (high << 25)) >>> 0;
      high >>>= 7;
    }
    while (low > 0x7f) {
      buf[at++] = (low & 0x7f) | 0x80;
      low >>>= 7;
    }
    buf[at++] = low;
    this.length = at;
  }

  fixed32(lo: number): void {
    this.reserve(4);
    const { buf } = this;
    buf[this.length++] = lo & 0xff;
    buf[this.length++] = (lo >>> 8) & 0xff;
    buf[this.length++] = (lo >>> 16) & 0xff;
    buf[this.length++] = lo >>> 24;
  }

  /** Writes what `body` writes, its length (a varint) before it. */
  prefixed(body: () => void): void {
    this.byte(0);
    const start = this.length;
    body();
    const size = this.length - start;
    if (size < 0x80) {
      this.buf[start - 1] = size;
      return;
    }
    // One byte was kept for the length; it takes more, so the body moves.
    let more = 0;
    for (let rest = size >>> 7; rest > 0; rest >>>= 7) more++;
    this.reserve(more);
    this.buf.copyWithin(start + more, start, start + size);
    this.length = start - 1;
    this.varint(size, 0);
    this.length += size;
  }

  /** The bytes so far; they stay valid until the next write. */
  view(): Uint8Array {
    return this.buf.subarray(0, this.length);
  }
}
