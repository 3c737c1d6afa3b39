import type { BackingFile } from './backing-file.js';

// elf.h, elf(5): 64-bit, little endian.
const MAGIC = 0x464c457f;
const ELFCLASS64 = 2;
const ELFDATA2LSB = 1;
const HEADER_BYTES = 64;
const PROGRAM_HEADER_BYTES = 56;
const SECTION_HEADER_BYTES = 64;
const SYMBOL_BYTES = 24;
const PT_LOAD = 1;
const SHT_SYMTAB = 2;
const SHT_DYNSYM = 11;
const STT_FUNC = 2;
const STT_TLS = 6;
const STT_GNU_IFUNC = 10;
/** Larger tables are not looked into. */
const MAX_TABLE_BYTES = 48 << 20;
const PAGE = 4096;

export interface ElfSymbol {
  readonly name: string;
  /** Before it is loaded. */
  readonly value: bigint;
  readonly sizeBytes: number;
}

interface SymbolTable {
  readonly symbols: Buffer;
  readonly names: Buffer;
}

/** The little of an ELF file that addresses in memory are named by. */
export class ElfFile {
  readonly #segments: readonly { readonly vaddr: bigint; readonly offset: number }[];
  readonly #tables: readonly SymbolTable[];

  private constructor(segments: readonly { vaddr: bigint; offset: number }[], tables: readonly SymbolTable[]) {
    this.#segments = segments;
    this.#tables = tables;
  }

  /** undefined when it is none, or not of this kind (64-bit, little endian). */
  static of(file: BackingFile): ElfFile | undefined {
    const bytes = (offset: number, length: number): Buffer => {
      const room = Math.max(0, Math.min(length, file.sizeBytes - offset, MAX_TABLE_BYTES));
      const buffer = Buffer.alloc(room);
      return buffer.subarray(0, file.read(buffer, 0, room, offset));
    };
    const header = bytes(0, HEADER_BYTES);
    if (header.length < HEADER_BYTES || header.readUInt32LE(0) !== MAGIC) return undefined;
    if (header[4] !== ELFCLASS64 || header[5] !== ELFDATA2LSB) return undefined;
    const segments: { vaddr: bigint; offset: number }[] = [];
    const programs = bytes(word(header, 32), header.readUInt16LE(56) * PROGRAM_HEADER_BYTES);
    for (let at = 0; at + PROGRAM_HEADER_BYTES <= programs.length; at += PROGRAM_HEADER_BYTES)
      if (programs.readUInt32LE(at) === PT_LOAD)
        segments.push({ vaddr: programs.readBigUInt64LE(at + 16), offset: word(programs, at + 8) });
    const sections = bytes(word(header, 40), header.readUInt16LE(60) * SECTION_HEADER_BYTES);
    const tables: SymbolTable[] = [];
    for (let at = 0; at + SECTION_HEADER_BYTES <= sections.length; at += SECTION_HEADER_BYTES) {
      const type = sections.readUInt32LE(at + 4);
      if (type !== SHT_SYMTAB && type !== SHT_DYNSYM) continue;
      const link = sections.readUInt32LE(at + 40) * SECTION_HEADER_BYTES;
      if (link + SECTION_HEADER_BYTES > sections.length) continue;
      const table = {
        symbols: bytes(word(sections, at + 24), word(sections, at + 32)),
        names: bytes(word(sections, link + 24), word(sections, link + 32)),
      };
      // that of the linker knows all that the other one knows
      if (type === SHT_SYMTAB) tables.unshift(table);
      else tables.push(table);
    }
    return new ElfFile(segments, tables);
  }

  /** What is added to addresses in the file to get those in memory. @param pgoff, start of one of its mappings */
  bias({ pgoff, start }: { readonly pgoff: bigint; readonly start: bigint }): bigint | undefined {
    for (const { vaddr, offset } of this.#segments) {
      const page = BigInt(Math.floor(offset / PAGE) * PAGE);
      if (page === pgoff) return start - (vaddr & ~BigInt(PAGE - 1));
    }
    return undefined;
  }

  symbol(name: string): ElfSymbol | undefined {
    const wanted = Buffer.from(`${name}\0`);
    for (const { symbols, names } of this.#tables) {
      const places = new Set<number>();
      for (let at = names.indexOf(wanted); at >= 0; at = names.indexOf(wanted, at + 1)) places.add(at);
      if (places.size === 0) continue;
      for (let at = 0; at + SYMBOL_BYTES <= symbols.length; at += SYMBOL_BYTES)
        if (places.has(symbols.readUInt32LE(at)) && isDefined(symbols, at))
          return { name, value: symbols.readBigUInt64LE(at + 8), sizeBytes: word(symbols, at + 16) };
    }
    return undefined;
  }

  /** The function that an address (as in the file) lies in, or behind. */
  functionAt(value: bigint): ElfSymbol | undefined {
    for (const { symbols, names } of this.#tables) {
      let best = -1;
      let bestValue = -1n;
      for (let at = 0; at + SYMBOL_BYTES <= symbols.length; at += SYMBOL_BYTES) {
        const type = symbols[at + 4]! & 0xf;
        if ((type !== STT_FUNC && type !== STT_GNU_IFUNC) || !isDefined(symbols, at)) continue;
        const begin = symbols.readBigUInt64LE(at + 8);
        if (begin <= value && begin > bestValue && value < begin + (symbols.readBigUInt64LE(at + 16) || 1n << 20n)) {
          best = at;
          bestValue = begin;
        }
      }
      if (best < 0) continue;
      const name = symbols.readUInt32LE(best);
      const end = names.indexOf(0, name);
      const text = names.toString('utf8', name, Math.min(end < 0 ? names.length : end, name + 4096));
      return { name: text, value: bestValue, sizeBytes: word(symbols, best + 16) };
    }
    return undefined;
  }
}

const word = (bytes: Buffer, at: number): number => Number(bytes.readBigUInt64LE(at));

const isDefined = (symbols: Buffer, at: number): boolean =>
  symbols.readUInt16LE(at + 6) !== 0 && (symbols[at + 4]! & 0xf) !== STT_TLS;
