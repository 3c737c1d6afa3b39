import { elfHead, rows, wordOf, type ElfHead, type ElfSource } from './elf-layout.js';

const PT_LOAD = 1;
const SHT_SYMTAB = 2;
const SHT_DYNSYM = 11;
const SHN_UNDEF = 0;
const STT_FUNC = 2;
const STT_TLS = 6;
const STT_GNU_IFUNC = 10;
/** Larger tables are not looked into. */
const MAX_TABLE_BYTES = 48 << 20;
const PAGE = 4096;
/** A function that does not say how long it is goes on to the next one, but not farther than this. */
const LONGEST_UNTOLD = 1 << 20;
/** So many functions that begin before an address are looked at: few are in each other. */
const MAX_NESTED = 64;

export interface ElfSymbol {
  readonly name: string;
  /** Before it is loaded. */
  readonly value: bigint;
  readonly sizeBytes: number;
}

interface SymbolTable {
  readonly symbols: Buffer;
  readonly names: Buffer;
  /** Places of functions in `symbols`, by their addresses; made when it is asked for. */
  functions?: { readonly places: Uint32Array; readonly values: Float64Array };
}

/** The little of an ELF file that addresses in memory are named by. */
export class ElfFile {
  readonly #head: ElfHead;
  readonly #tables: readonly SymbolTable[];

  private constructor(head: ElfHead, tables: readonly SymbolTable[]) {
    this.#head = head;
    this.#tables = tables;
  }

  /** undefined when it is none, or not of a little-endian processor. */
  static of(file: ElfSource): ElfFile | undefined {
    const head = elfHead(file, MAX_TABLE_BYTES);
    if (!head) return undefined;
    const { layout, header, bytes } = head;
    const { section } = layout;
    const count = header.readUInt16LE(layout.header.shnum);
    const all = rows(bytes(wordOf(layout, header, layout.header.shoff), count * section.sizeBytes), section.sizeBytes);
    const content = (row: Buffer) => bytes(wordOf(layout, row, section.offset), wordOf(layout, row, section.size));
    const tables: SymbolTable[] = [];
    for (const row of all) {
      const type = row.readUInt32LE(section.type);
      if (type !== SHT_SYMTAB && type !== SHT_DYNSYM) continue;
      const names = all[row.readUInt32LE(section.link)];
      if (!names || tables.length >= 2) continue;
      const table = { symbols: content(row), names: content(names) };
      // that of the linker knows all that the other one knows
      if (type === SHT_SYMTAB) tables.unshift(table);
      else tables.push(table);
    }
    return new ElfFile(head, tables);
  }

  /** What is added to addresses in the file to get those in memory. @param pgoff, start of one of its mappings */
  bias({ pgoff, start }: { readonly pgoff: bigint; readonly start: bigint }): bigint | undefined {
    const { layout, programs } = this.#head;
    for (const row of programs) {
      if (row.readUInt32LE(0) !== PT_LOAD) continue;
      const page = BigInt(Math.floor(wordOf(layout, row, layout.program.offset) / PAGE) * PAGE);
      if (page === pgoff) return start - (BigInt(wordOf(layout, row, layout.program.vaddr)) & ~BigInt(PAGE - 1));
    }
    return undefined;
  }

  symbol(name: string): ElfSymbol | undefined {
    const wanted = Buffer.from(`${name}\0`);
    const { sizeBytes } = this.#head.layout.symbol;
    for (const { symbols, names } of this.#tables) {
      const places = new Set<number>();
      for (let at = names.indexOf(wanted); at >= 0; at = names.indexOf(wanted, at + 1)) places.add(at);
      if (places.size === 0) continue;
      for (let at = 0; at + sizeBytes <= symbols.length; at += sizeBytes)
        if (places.has(symbols.readUInt32LE(at)) && this.#isDefined(symbols, at))
          return { name, value: BigInt(this.#value(symbols, at)), sizeBytes: this.#size(symbols, at) };
    }
    return undefined;
  }

  /** The function that an address (as in the file) lies in, or behind. */
  functionAt(value: bigint): ElfSymbol | undefined {
    const wanted = Number(value);
    for (const table of this.#tables) {
      const { places, values } = (table.functions ??= this.#sortedFunctions(table));
      let low = 0;
      let high = places.length;
      while (low < high) {
        const mid = (low + high) >>> 1;
        if (values[mid]! <= wanted) low = mid + 1;
        else high = mid;
      }
      for (let i = low - 1; i >= 0 && i >= low - MAX_NESTED; i--) {
        const at = places[i]!;
        const sizeBytes = this.#size(table.symbols, at);
        if (wanted >= values[i]! + (sizeBytes || LONGEST_UNTOLD)) continue;
        return { name: textAt(table.names, table.symbols.readUInt32LE(at)), value: BigInt(values[i]!), sizeBytes };
      }
    }
    return undefined;
  }

  /** By address; of names for the same one, the plainest comes last. */
  #sortedFunctions({ symbols, names }: SymbolTable): { places: Uint32Array; values: Float64Array } {
    const { layout } = this.#head;
    const all: number[] = [];
    for (let at = 0; at + layout.symbol.sizeBytes <= symbols.length; at += layout.symbol.sizeBytes) {
      const type = symbols[at + layout.symbol.info]! & 0xf;
      if ((type === STT_FUNC || type === STT_GNU_IFUNC) && this.#isDefined(symbols, at)) all.push(at);
    }
    const oddness = (at: number): number => {
      const name = textAt(names, symbols.readUInt32LE(at));
      return /^_*/.exec(name)![0].length * 4096 + name.length;
    };
    const places = Uint32Array.from(all).sort(
      (a, b) => this.#value(symbols, a) - this.#value(symbols, b) || oddness(b) - oddness(a),
    );
    return { places, values: Float64Array.from(places, (at) => this.#value(symbols, at)) };
  }

  #value(symbols: Buffer, at: number): number {
    return wordOf(this.#head.layout, symbols, at + this.#head.layout.symbol.value);
  }

  #size(symbols: Buffer, at: number): number {
    return wordOf(this.#head.layout, symbols, at + this.#head.layout.symbol.size);
  }

  #isDefined(symbols: Buffer, at: number): boolean {
    const { info, section } = this.#head.layout.symbol;
    return symbols.readUInt16LE(at + section) !== SHN_UNDEF && (symbols[at + info]! & 0xf) !== STT_TLS;
  }
}

function textAt(names: Buffer, start: number): string {
  const end = names.indexOf(0, start);
  const name = names.toString('utf8', start, Math.min(end < 0 ? names.length : end, start + 4095));
  // symbols of the linker may have their version behind them
  return name.replace(/@.*/, '');
}
