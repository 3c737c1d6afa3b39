import { messageNameAt, type ImageDescription } from './catalogue.js';
import { DICTS, FLAG_MAPS, type FlagMap, type WordMap } from './display.js';
import type { Messages } from './generated/messages.js';
import schema from './generated/schema.js';

/** What a value is, as numbers: the codec's inner loops switch over them. */
export const KIND = {
  uint32: 0,
  uint64: 1,
  int32: 2,
  int64: 3,
  sint32: 4,
  sint64: 5,
  bool: 6,
  enum: 7,
  fixed32: 8,
  fixed64: 9,
  sfixed32: 10,
  sfixed64: 11,
  string: 12,
  bytes: 13,
  message: 14,
} as const;
export type Kind = (typeof KIND)[keyof typeof KIND];

/** Protobuf wire types. */
export const WIRE = { varint: 0, i64: 1, length: 2, group: 3, endGroup: 4, i32: 5 } as const;

const WIRE_OF: readonly number[] = [0, 0, 0, 0, 0, 0, 0, 0, 5, 1, 5, 1, 2, 2, 2];

/** How `crit show` prints an integer. */
export const SHOW = { plain: 0, hex: 1, dev: 2, odev: 3, flags: 4, words: 5 } as const;

interface RawField {
  readonly name: string;
  readonly number: number;
  readonly label: 'required' | 'optional' | 'repeated';
  readonly kind: string;
  readonly type?: string;
  readonly packed?: boolean;
  readonly hex?: boolean;
  readonly ipadd?: boolean;
  readonly flags?: string;
  readonly dev?: boolean;
  readonly odev?: boolean;
  readonly dict?: string;
  readonly conv?: string;
}
interface RawSchema {
  readonly enums: Readonly<Record<string, Readonly<Record<string, number>>>>;
  readonly messages: Readonly<Record<string, readonly RawField[]>>;
}
const SCHEMA = schema as unknown as RawSchema;

export type MessageName = keyof Messages;

/** The values of an enum, both ways. */
export interface EnumDef {
  readonly name: string;
  readonly byName: ReadonlyMap<string, number>;
  readonly byNumber: ReadonlyMap<number, string>;
}

/** A field, with all that decoding and encoding ask at every value worked out beforehand. */
export class FieldDef {
  readonly name: string;
  readonly number: number;
  /** Place among the message's fields, which are in the order of their numbers. */
  readonly index: number;
  readonly kind: Kind;
  readonly kindName: string;
  readonly required: boolean;
  readonly repeated: boolean;
  readonly packed: boolean;
  /** Wire type of one value. */
  readonly wireType: number;
  /** Tag of one value; of a packed block when the field is packed. */
  readonly tag: number;
  readonly enumDef: EnumDef | undefined;
  readonly hex: boolean;
  readonly ip: boolean;
  readonly quoted: boolean;
  /** One of SHOW, `hex` apart. */
  readonly show: number;
  /** For SHOW.flags; absent when CRIU has no names for them. */
  readonly flagMap: FlagMap | undefined;
  readonly words: WordMap | undefined;
  /** `"name": ` as ASCII. */
  readonly jsonKey: Uint8Array;
  readonly #messageName: string | undefined;
  #message: MessageDef | undefined;

  constructor(raw: RawField, index: number) {
    const isEnum = raw.kind === 'enum';
    const kind = (KIND as Readonly<Record<string, Kind | undefined>>)[raw.kind];
    if (kind === undefined) throw new TypeError(`the schema has a field of unknown kind ${raw.kind}`);
    this.name = raw.name;
    this.number = raw.number;
    this.index = index;
    this.kind = kind;
    this.kindName = raw.kind;
    this.required = raw.label === 'required';
    this.repeated = raw.label === 'repeated';
    this.packed = raw.packed === true;
    this.wireType = WIRE_OF[kind] ?? 0;
    this.tag = ((raw.number << 3) | (this.packed ? WIRE.length : this.wireType)) >>> 0;
    this.enumDef = isEnum ? enumDef(raw.type ?? '') : undefined;
    this.hex = raw.hex === true;
    this.ip = raw.ipadd === true && this.repeated;
    this.quoted = raw.conv === 'unix_name';
    this.flagMap = raw.flags === undefined ? undefined : FLAG_MAPS[raw.flags];
    this.words = raw.dict === undefined ? undefined : DICTS[raw.dict]?.[raw.name];
    if (raw.odev) this.show = SHOW.odev;
    else if (raw.dev) this.show = SHOW.dev;
    else if (raw.flags !== undefined) this.show = SHOW.flags;
    else this.show = this.words ? SHOW.words : SHOW.plain;
    this.jsonKey = Buffer.from(`${JSON.stringify(raw.name)}: `, 'latin1');
    this.#messageName = kind === KIND.message ? raw.type : undefined;
  }

  /** The message of a field of kind message; resolved when first asked, as messages may hold themselves. */
  get message(): MessageDef {
    return (this.#message ??= messageDef((this.#messageName ?? '') as MessageName));
  }
}

/** Field numbers below this are looked up in an array. */
const DENSE = 256;

export class MessageDef {
  readonly name: string;
  /** In the order of their numbers. */
  readonly fields: readonly FieldDef[];
  readonly byName: ReadonlyMap<string, FieldDef>;
  readonly required: readonly FieldDef[];
  readonly #dense: (FieldDef | undefined)[] = [];
  readonly #sparse = new Map<number, FieldDef>();

  constructor(name: string, raw: readonly RawField[]) {
    this.name = name;
    this.fields = [...raw].sort((a, b) => a.number - b.number).map((field, index) => new FieldDef(field, index));
    this.byName = new Map(this.fields.map((field) => [field.name, field]));
    this.required = this.fields.filter((field) => field.required);
    for (const field of this.fields) {
      if (field.number < DENSE) {
        while (this.#dense.length <= field.number) this.#dense.push(undefined);
        this.#dense[field.number] = field;
      } else this.#sparse.set(field.number, field);
    }
  }

  field(number: number): FieldDef | undefined {
    return number < DENSE ? this.#dense[number] : this.#sparse.get(number);
  }
}

const enums = new Map<string, EnumDef>();
const messages = new Map<string, MessageDef>();

function enumDef(name: string): EnumDef {
  let def = enums.get(name);
  if (!def) {
    const values = Object.entries(SCHEMA.enums[name] ?? {});
    def = {
      name,
      byName: new Map(values),
      // Reversed: of two names of one number the first declared is the one that is printed.
      byNumber: new Map(values.map(([key, value]): [number, string] => [value, key]).reverse()),
    };
    enums.set(name, def);
  }
  return def;
}

/** The compiled schema of a message. @throws TypeError when proto/ has no such message */
export function messageDef(name: MessageName): MessageDef {
  let def = messages.get(name);
  if (!def) {
    const raw = Object.hasOwn(SCHEMA.messages, name) ? SCHEMA.messages[name] : undefined;
    if (!raw) throw new TypeError(`there is no message ${name}`);
    def = new MessageDef(name, raw);
    messages.set(name, def);
  }
  return def;
}

/** The message of an entry. Raw images, which have no messages, are never asked for one. */
export const messageAt = (description: ImageDescription, entry: number): MessageDef =>
  messageDef(messageNameAt(description, entry) ?? 'inventory_entry');
