/**
 * BPF Type Format (Documentation/bpf/btf.rst): where the fields of the running kernel's structures are, as
 * /sys/kernel/btf/vmlinux tells.
 */

const BTF_MAGIC = 0xeb9f;
const HEADER = { magic: 0, bytes: 4, types: 8, typeBytes: 12, strings: 16, stringBytes: 20 } as const;

const KIND = {
  int: 1,
  pointer: 2,
  array: 3,
  struct: 4,
  union: 5,
  enum: 6,
  typedef: 8,
  volatile: 9,
  const: 10,
  restrict: 11,
  proto: 13,
  variable: 14,
  section: 15,
  declTag: 17,
  typeTag: 18,
  enum64: 19,
} as const;
/** Names of other types. */
const ALIASES: readonly number[] = [KIND.typedef, KIND.volatile, KIND.const, KIND.restrict, KIND.typeTag];

const MOST_ALIASES = 16;

/** Words of a type, and of a member. */
const TYPE_WORDS = 3;
const MEMBER_WORDS = 3;

/** Words that follow a type of a kind with so many parts. */
function wordsBehind(kind: number, parts: number): number {
  switch (kind) {
    case KIND.int:
    case KIND.variable:
    case KIND.declTag:
      return 1;
    case KIND.array:
      return 3;
    case KIND.struct:
    case KIND.union:
    case KIND.section:
    case KIND.enum64:
      return 3 * parts;
    case KIND.enum:
    case KIND.proto:
      return 2 * parts;
    default:
      return 0;
  }
}

/** Where a field is in a structure, in bits. */
export interface BtfField {
  readonly bit: number;
  /** Of a bit field, else 0. */
  readonly bits: number;
}

interface Member extends BtfField {
  readonly type: number;
}

/** The types of a kernel. Anything that is not there is undefined. */
export class Btf {
  readonly #words: Uint32Array;
  readonly #strings: Buffer;
  /** Where the types are, in words, by number. */
  readonly #at: number[] = [0];
  readonly #structs = new Map<number, number>();

  /** @throws RangeError for what is no BTF */
  constructor(file: Uint8Array) {
    const view = new DataView(file.buffer, file.byteOffset, file.length);
    const header = (at: number) => view.getUint32(at, true);
    if ((header(HEADER.magic) & 0xffff) !== BTF_MAGIC) throw new RangeError('no BTF');
    const base = header(HEADER.bytes);
    this.#words = new Uint32Array(
      view.buffer.slice(view.byteOffset + base + header(HEADER.types)),
      0,
      header(HEADER.typeBytes) >> 2,
    );
    const strings = base + header(HEADER.strings);
    this.#strings = Buffer.from(file.subarray(strings, strings + header(HEADER.stringBytes)));
    const words = this.#words;
    for (let at = 0; at < words.length;) {
      const info = words[at + 1]!;
      const kind = (info >>> 24) & 0x1f;
      if (kind === KIND.struct && words[at] !== 0) this.#structs.set(words[at]!, this.#at.length);
      this.#at.push(at);
      at += TYPE_WORDS + wordsBehind(kind, info & 0xffff);
    }
  }

  /** @returns its size in bytes */
  sizeOf(struct: string): number | undefined {
    const type = this.#struct(struct);
    return type === undefined ? undefined : this.#words[this.#at[type]! + 2];
  }

  /** @param path names of members, with dots between them */
  field(struct: string, path: string): BtfField | undefined {
    return this.#find(struct, path);
  }

  isPointer(struct: string, path: string): boolean {
    const type = this.#find(struct, path)?.type;
    return type !== undefined && this.#kindAt(this.#resolve(type)) === KIND.pointer;
  }

  #struct(name: string): number | undefined {
    return this.#structs.get(this.#stringAt(name));
  }

  /** Each string is there once. */
  #stringAt(name: string): number {
    return this.#strings.indexOf(`\0${name}\0`, 0, 'latin1') + 1;
  }

  #find(struct: string, path: string): Member | undefined {
    let found: Member | undefined;
    let type = this.#struct(struct);
    let bit = 0;
    for (const name of path.split('.')) {
      found = type === undefined ? undefined : this.#member(type, this.#stringAt(name));
      if (!found) return undefined;
      bit += found.bit;
      type = found.type;
    }
    return found && { ...found, bit };
  }

  #kindAt(at: number): number {
    return (this.#words[at + 1]! >>> 24) & 0x1f;
  }

  /** Where the type is that other names stand for. */
  #resolve(type: number): number {
    let at = this.#at[type] ?? 0;
    for (let i = 0; i < MOST_ALIASES && ALIASES.includes(this.#kindAt(at)); i++)
      at = this.#at[this.#words[at + 2]!] ?? 0;
    return at;
  }

  #member(type: number, name: number): Member | undefined {
    const words = this.#words;
    const at = this.#resolve(type);
    const kind = this.#kindAt(at);
    if ((kind !== KIND.struct && kind !== KIND.union) || name === 0) return undefined;
    const info = words[at + 1]!;
    const sized = info >>> 31 !== 0;
    for (let i = 0; i < (info & 0xffff); i++) {
      const member = at + TYPE_WORDS + i * MEMBER_WORDS;
      const offset = words[member + 2]!;
      const bit = sized ? offset & 0xffffff : offset;
      if (words[member] === name) return { bit, bits: sized ? offset >>> 24 : 0, type: words[member + 1]! };
      // the members of one without a name are its own
      const inside = words[member] === 0 ? this.#member(words[member + 1]!, name) : undefined;
      if (inside) return { ...inside, bit: bit + inside.bit };
    }
    return undefined;
  }
}
