import { ImageError } from '../image/errors.js';
import { KIND, WIRE, type FieldDef } from '../image/message-def.js';

/** Messages and groups inside one another; protobuf's own limit. */
export const MAX_DEPTH = 100;

/** What a message came from, for errors. */
export interface Origin {
  readonly file?: string | undefined;
  readonly entry?: number | undefined;
}

/**
 * Reads protobuf's wire format: knows bytes and bounds, not messages. A 64-bit number is left in `lo` and `hi` (two 32-bit
 * halves): the hot paths need no BigInt. Whatever is read in a form that would not be written again alike sets `odd`.
 */
export class WireReader {
  buf: Uint8Array;
  pos = 0;
  /** Where the message at hand ends; nothing reads beyond. */
  end = 0;
  lo = 0;
  hi = 0;
  odd = false;
  /** A message without a required field is an error, as protobuf has it; otherwise it is decoded without. */
  strict = false;
  /** File offset of buf[0]. */
  baseBytes = 0;
  file: string | undefined;
  entry: number | undefined;
  depth = 0;
  /** Prefix of every field path: `extra[4]` inside a payload. */
  pathPrefix = '';
  /** The fields that lead to the message at hand, and the index in each repeated one (-1 elsewhere). */
  readonly fieldStack: (FieldDef | undefined)[] = [];
  readonly indexStack: number[] = [];

  constructor(buf: Uint8Array, origin: Origin = {}) {
    this.buf = buf;
    this.end = buf.length;
    this.file = origin.file;
    this.entry = origin.entry;
  }

  /** Something odd was read since even(). */
  isOdd(): boolean {
    return this.odd;
  }

  /** Begins to look anew for what is odd. */
  even(): void {
    this.odd = false;
  }

  /** Goes one message down. */
  enter(field: FieldDef, index: number): void {
    if (this.depth >= MAX_DEPTH) throw this.error(`nested deeper than ${MAX_DEPTH} messages`, this.pos, field);
    this.fieldStack[this.depth] = field;
    this.indexStack[this.depth] = index;
    this.depth++;
  }

  leave(): void {
    this.depth--;
  }

  path(field?: FieldDef): string {
    const parts: string[] = this.pathPrefix ? [this.pathPrefix] : [];
    for (let i = 0; i < this.depth; i++) {
      const index = this.indexStack[i] ?? -1;
      parts.push(`${this.fieldStack[i]?.name ?? ''}${index < 0 ? '' : `[${index}]`}`);
    }
    if (field) parts.push(field.name);
    return parts.join('.');
  }

  error(reason: string, at: number, field?: FieldDef): ImageError {
    return new ImageError(reason, {
      file: this.file,
      entry: this.entry,
      offsetBytes: this.baseBytes + at,
      fieldPath: this.path(field),
    });
  }

  /** Reads a varint into lo and hi. */
  varint(field?: FieldDef): void {
    const buf = this.buf;
    const start = this.pos;
    const end = this.end;
    let p = start;
    if (p >= end) throw this.error('ends where a number should be', p, field);
    let byte = buf[p++] as number;
    if (byte < 0x80) {
      this.lo = byte;
      this.hi = 0;
      this.pos = p;
      return;
    }
    let lo = byte & 0x7f;
    let hi = 0;
    let shift = 7;
    for (;;) {
      if (p >= end) throw this.error('ends within a number', start, field);
      byte = buf[p++] as number;
      const bits = byte & 0x7f;
      if (shift < 28) lo |= bits << shift;
      else if (shift === 28) {
        lo |= bits << 28;
        hi = bits >>> 4;
      } else if (shift < 63) hi |= bits << (shift - 32);
      else {
        hi |= bits << 31;
        // The tenth byte has room for one bit.
        if (byte > 1) {
          if (byte >= 0x80) throw this.error('a number of more than 10 bytes', start, field);
          this.odd = true;
        }
      }
      if (byte < 0x80) break;
      shift += 7;
    }
    if (byte === 0) this.odd = true;
    this.lo = lo >>> 0;
    this.hi = hi >>> 0;
    this.pos = p;
  }

  /** Reads a tag. @returns it, never 0 */
  tag(): number {
    const start = this.pos;
    this.varint();
    if (this.hi !== 0 || this.lo < 8) throw this.error('no field has this number', start);
    return this.lo;
  }

  /** Reads a length and checks that as many bytes are there. @returns where they end */
  block(field?: FieldDef): number {
    const start = this.pos;
    this.varint(field);
    const length = this.hi * 0x100000000 + this.lo;
    if (length > this.end - this.pos) {
      throw this.error(`announces ${length} bytes, ${this.end - this.pos} are left`, start, field);
    }
    return this.pos + length;
  }

  fixed32(field?: FieldDef): void {
    const { buf, pos } = this;
    if (this.end - pos < 4) throw this.error('ends within a number', pos, field);
    this.lo =
      ((buf[pos] as number) |
        ((buf[pos + 1] as number) << 8) |
        ((buf[pos + 2] as number) << 16) |
        ((buf[pos + 3] as number) << 24)) >>>
      0;
    this.hi = 0;
    this.pos = pos + 4;
  }

  fixed64(field?: FieldDef): void {
    if (this.end - this.pos < 8) throw this.error('ends within a number', this.pos, field);
    this.fixed32(field);
    const lo = this.lo;
    this.fixed32(field);
    this.hi = this.lo;
    this.lo = lo;
  }

  /**
   * Reads one value of a field whose wire type is not `length`, and brings lo and hi into the range of its kind (signed
   * kinds: two's complement over both).
   */
  scalar(field: FieldDef): void {
    switch (field.kind) {
      case KIND.uint64:
      case KIND.int64:
        this.varint(field);
        return;
      case KIND.uint32:
        this.varint(field);
        if (this.hi !== 0) {
          this.odd = true;
          this.hi = 0;
        }
        return;
      case KIND.int32:
      case KIND.enum: {
        this.varint(field);
        const sign = this.lo >>> 31 === 1 ? 0xffffffff : 0;
        if (this.hi !== sign) {
          this.odd = true;
          this.hi = sign;
        }
        return;
      }
      case KIND.sint32: {
        this.varint(field);
        if (this.hi !== 0) this.odd = true;
        const value = (this.lo >>> 1) ^ -(this.lo & 1);
        this.lo = value >>> 0;
        this.hi = value < 0 ? 0xffffffff : 0;
        return;
      }
      case KIND.sint64: {
        this.varint(field);
        const mask = -(this.lo & 1);
        const lo = (this.lo >>> 1) | (this.hi << 31);
        this.lo = (lo ^ mask) >>> 0;
        this.hi = ((this.hi >>> 1) ^ mask) >>> 0;
        return;
      }
      case KIND.bool:
        this.varint(field);
        if (this.hi !== 0 || this.lo > 1) {
          this.odd = true;
          this.lo = 1;
          this.hi = 0;
        }
        return;
      case KIND.sfixed32:
        this.fixed32(field);
        this.hi = this.lo >>> 31 === 1 ? 0xffffffff : 0;
        return;
      case KIND.fixed32:
        this.fixed32(field);
        return;
      default:
        this.fixed64(field);
    }
  }

  /** Passes over a value that no field claims. */
  skip(tag: number): void {
    const start = this.pos;
    const number = tag >>> 3;
    switch (tag & 7) {
      case WIRE.varint:
        this.varint();
        return;
      case WIRE.i64:
        this.fixed64();
        return;
      case WIRE.length:
        this.pos = this.block();
        return;
      case WIRE.i32:
        this.fixed32();
        return;
      case WIRE.group:
        this.#group(number);
        return;
      case WIRE.endGroup:
        throw this.error(`group ${number} ends but did not begin`, start);
      default:
        throw this.error(`wire type ${tag & 7} of field ${number} does not exist`, start);
    }
  }

  #group(number: number): void {
    const start = this.pos;
    const open = [number];
    while (open.length > 0) {
      if (this.pos >= this.end) throw this.error(`group ${number} does not end`, start);
      const at = this.pos;
      const tag = this.tag();
      if ((tag & 7) === WIRE.group) {
        open.push(tag >>> 3);
        if (this.depth + open.length > MAX_DEPTH) throw this.error(`nested deeper than ${MAX_DEPTH} messages`, at);
      } else if ((tag & 7) === WIRE.endGroup) {
        if (open.pop() !== tag >>> 3) throw this.error('another group ends than the one that began last', at);
      } else this.skip(tag);
    }
  }

  /** Complains unless a known field has a wire type it may have. @returns true when it is a packed block of numbers */
  checkWireType(field: FieldDef, tag: number, at: number): boolean {
    const wireType = tag & 7;
    const packed = field.repeated && wireType === WIRE.length && field.wireType !== WIRE.length;
    if (wireType !== field.wireType && !packed) {
      const why =
        wireType === 6 || wireType === 7
          ? 'which does not exist'
          : `a field of type ${field.kindName} has ${field.wireType}`;
      throw this.error(`has wire type ${wireType}, ${why}`, at, field);
    }
    return packed;
  }
}
