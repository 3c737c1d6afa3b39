import { emptyRecord, nextRecord, type WireRecord } from '../../decode/wire-records.js';
import { MAX_DEPTH, WireReader } from '../../decode/wire-reader.js';
import { WireWriter } from '../../encode/wire-writer.js';
import { ImageError } from '../../image/errors.js';
import { KIND, WIRE, type FieldDef, type MessageDef } from '../../image/message-def.js';
import { FIELD_CLASSES, REGISTERS, type FieldClass } from './field-classes.js';
import type { Taking } from './taking.js';

type Way = FieldClass | 'register' | 'number';

/** A record of a message, and where the message begins. */
type Place = Pick<WireRecord, 'start' | 'valueStart' | 'end' | 'packed'> & { readonly begin: number };

/** A field that the table does not have is treated as the worst. */
function wayOf(def: MessageDef, field: FieldDef): Way {
  const known = FIELD_CLASSES[`${def.name}.${field.name}`];
  if (known) return known;
  const registers = REGISTERS[def.name];
  if (registers) return registers.includes(field.name) ? 'number' : 'register';
  return field.kind === KIND.string || field.kind === KIND.bytes ? 'data' : 'number';
}

/**
 * Writes messages again without what is taken out. It works on the wire format and not on decoded messages: what no field
 * claims is seen, and all else stays byte for byte as it is.
 */
export class MessageScrubber {
  readonly writer = new WireWriter(4096);
  readonly #taking: Taking;
  readonly #ways = new Map<FieldDef, Way>();

  constructor(taking: Taking) {
    this.#taking = taking;
  }

  #way(def: MessageDef, field: FieldDef): Way {
    let way = this.#ways.get(field);
    if (way === undefined) this.#ways.set(field, (way = wayOf(def, field)));
    return way;
  }

  /** Appends the message that the reader is in, [pos, end). What cannot be read any more becomes zeros. */
  message(def: MessageDef, reader: WireReader, depth = 0): void {
    const { writer } = this;
    const record = emptyRecord();
    const addresses = new Map<FieldDef, number[]>();
    const begin = reader.pos;
    let sound = begin;
    try {
      while (nextRecord(reader, def, record)) {
        const { field, start, valueStart, end, packed } = record;
        if (!field) this.#unknown(reader.buf.subarray(start, end));
        else if (field.wireType === WIRE.length && field.kind === KIND.message) {
          if (depth >= MAX_DEPTH) throw reader.error('nested too deep', start, field);
          writer.varint(field.tag, 0);
          const inner = new WireReader(reader.buf);
          [inner.pos, inner.end] = [valueStart, end];
          writer.prefixed(() => {
            this.message(field.message, inner, depth + 1);
          });
        } else if (field.wireType === WIRE.length) {
          const way = this.#way(def, field) as FieldClass;
          const bytes = this.#taking.field(way, reader.buf.subarray(valueStart, end));
          writer.varint(field.tag, 0);
          writer.varint(bytes.length, 0);
          writer.bytes(bytes);
        } else this.#numbers(def, field, reader, { begin, start, valueStart, end, packed }, addresses);
        sound = end;
      }
    } catch (error) {
      if (!(error instanceof ImageError)) throw error;
      writer.bytes(new Uint8Array(reader.end - sound));
      this.#taking.count('unreadable', reader.end - sound);
    }
  }

  /** A field of a newer version: nobody knows what it holds. */
  #unknown(bytes: Uint8Array): void {
    const reader = new WireReader(bytes);
    const tag = reader.tag();
    const { pos } = reader;
    this.#taking.count('unknown');
    const wire = tag & 7;
    if (wire === WIRE.group) return; // nobody writes them any more
    this.writer.bytes(bytes.subarray(0, pos));
    if (wire === WIRE.length) {
      const length = bytes.length - (reader.block(), reader.pos);
      this.writer.varint(length, 0);
      this.writer.bytes(new Uint8Array(length));
    } else if (wire === WIRE.varint) this.writer.byte(0);
    else this.writer.bytes(new Uint8Array(bytes.length - pos));
  }

  #numbers(
    def: MessageDef,
    field: FieldDef,
    reader: WireReader,
    { begin, start, valueStart, end, packed }: Place,
    addresses: Map<FieldDef, number[]>,
  ): void {
    const { writer } = this;
    const way = this.#way(def, field);
    const zeroed =
      (way === 'register' && this.#taking.takes('registers')) || (way === 'value' && this.#taking.takesField(way));
    const ofAddress = (way === 'ip' || way === 'ips') && this.#taking.takesField(way);
    const everything = this.#taking.allRegisters && def.name in REGISTERS && field.kind !== KIND.enum;
    if (!zeroed && !ofAddress && !everything) {
      writer.bytes(reader.buf.subarray(start, end));
      return;
    }
    const words = ofAddress ? (addresses.get(field) ?? this.#address(def, field, reader, start, begin)) : undefined;
    if (words) addresses.set(field, words);
    const values = new WireReader(reader.buf);
    [values.pos, values.end] = [valueStart, end];
    const one = (): void => {
      const from = values.pos;
      values.scalar(field);
      if (words) writer.varint(words.shift() ?? 0, 0);
      else if (field.wireType === WIRE.varint) writer.byte(0);
      else writer.bytes(new Uint8Array(values.pos - from));
      if (!words && (values.lo !== 0 || values.hi !== 0))
        this.#taking.count(way === 'value' ? 'data' : 'registers', way === 'value' ? 8 : 1);
    };
    writer.varint((field.number << 3) | (packed ? WIRE.length : field.wireType), 0);
    if (!packed) {
      one();
      return;
    }
    writer.prefixed(() => {
      while (values.pos < values.end) one();
    });
  }

  /** All words of an address, which may be one by one in the message, from the first on; then what stands for them. */
  #address(def: MessageDef, field: FieldDef, reader: WireReader, first: number, begin: number): number[] {
    const words = wordsOf(def, field, reader, first);
    // IPv4 has one word and IPv6 four, each with the bytes in network order
    const group = this.#way(def, field) === 'ips' ? def.byName.get('group') : undefined;
    const each = group ? wordsOf(def, group, reader, begin).length : words.length;
    const bytes = new Uint8Array(Uint32Array.from(words).buffer);
    for (let at = 0; each > 0 && at < bytes.length; at += 4 * each)
      if (this.#taking.addresses.ip(bytes.subarray(at, at + 4 * each))) this.#taking.count('addresses');
    if (each === 0) bytes.fill(0);
    return [...new Uint32Array(bytes.buffer)];
  }
}

/** All values of a field of a message, from a record on. */
function wordsOf(def: MessageDef, field: FieldDef, reader: WireReader, first: number): number[] {
  const words: number[] = [];
  const ahead = new WireReader(reader.buf);
  [ahead.pos, ahead.end] = [first, reader.end];
  const record = emptyRecord();
  while (nextRecord(ahead, def, record)) {
    if (record.field !== field) continue;
    const values = new WireReader(reader.buf);
    [values.pos, values.end] = [record.valueStart, record.end];
    while (values.pos < values.end) {
      values.scalar(field);
      words.push(values.lo);
    }
  }
  return words;
}
