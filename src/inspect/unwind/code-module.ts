import path from 'node:path';
import { findBuildId } from '../../kernel/build-id.js';
import type { AddressSpace } from '../address-space/address-space.js';
import { ElfFile, type ElfSymbol } from '../address-space/elf-file.js';
import { elfHead, wordOf, type ElfHead, type ElfSource } from '../address-space/elf-layout.js';
import type { Mapping } from '../address-space/memory-run.js';
import { ByteCursor } from './byte-cursor.js';
import { frameEntryAt, type FrameEntry } from './frame-entry.js';
import { DW_EH_PE, encodedPointer, type ReadMemory } from './pointer.js';

const PT_LOAD = 1;
const PT_GNU_EH_FRAME = 0x6474e550;
/** Its program headers, notes and, of the vDSO, all of it. */
const MAX_HEAD_BYTES = 1 << 20;
const MAX_VDSO_BYTES = 1 << 16;
/** Entries that are looked through where there is no table of them. */
const MAX_ENTRIES = 50_000;
const DEBUG_FILES = '/usr/lib/debug/.build-id';

/** A program or a library as it lies in a task's memory: its bytes come from images or from its file, as the space finds them. */
export class CodeModule {
  readonly #space: AddressSpace;
  readonly #memory: ReadMemory;
  readonly #mapping: Mapping;
  readonly #base: bigint;
  readonly #head: ElfHead;
  readonly #bias: bigint;
  #symbols: readonly ElfFile[] | undefined;

  private constructor(space: AddressSpace, memory: ReadMemory, mapping: Mapping, head: ElfHead, bias: bigint) {
    this.#space = space;
    this.#memory = memory;
    this.#mapping = mapping;
    this.#base = mapping.start;
    this.#head = head;
    this.#bias = bias;
  }

  /** @returns in words why it cannot be looked into */
  static of(space: AddressSpace, memory: ReadMemory, code: Mapping): CodeModule | string {
    const where = code.name === '' ? 'anonymous memory' : code.name;
    if (code.kind !== 'file' && code.kind !== 'vdso') return `${where} is no part of a program file`;
    let index = space.mappings.indexOf(code);
    // the nearest mapping of the file's begin: it may be mapped more than once
    while (index > 0 && space.mappings[index]!.pgoff !== 0n && space.mappings[index - 1]!.name === code.name) index--;
    const mapping = space.mappings[index]!;
    const head = elfHead(inMemory(memory, mapping, MAX_HEAD_BYTES), MAX_HEAD_BYTES);
    if (!head) return space.read(mapping.start, 64).stopped?.reason ?? `${where} does not begin with an ELF header`;
    const first = head.programs.find(
      (row) => row.readUInt32LE(0) === PT_LOAD && wordOf(head.layout, row, head.layout.program.offset) < 4096,
    );
    if (!first) return `${where} has no program headers`;
    const vaddr = BigInt(wordOf(head.layout, first, head.layout.program.vaddr)) & ~4095n;
    return new CodeModule(space, memory, mapping, head, mapping.start - vaddr);
  }

  /** What .eh_frame says of an address; undefined when it says nothing. */
  entryFor(address: bigint): FrameEntry | undefined {
    const { layout, programs } = this.#head;
    const row = programs.find((program) => program.readUInt32LE(0) === PT_GNU_EH_FRAME);
    if (!row) return undefined;
    const start = BigInt(wordOf(layout, row, layout.program.vaddr)) + this.#bias;
    const header = new ByteCursor(this.#memory(start, 32), start, layout.wordBytes);
    const [version, frames, counted, table] = [header.u8(), header.u8(), header.u8(), header.u8()];
    const section = encodedPointer(header, frames, start, this.#memory);
    const count = encodedPointer(header, counted, start, this.#memory);
    if (version !== 1 || section === undefined) return undefined;
    if (count === undefined || table !== (DW_EH_PE.datarel | DW_EH_PE.sdata4))
      return this.#scan(section, start, address);
    const found = this.#search(header.address, Number(count), start, address);
    const entry = found === undefined ? undefined : frameEntryAt(found, layout.wordBytes, start, this.#memory)?.entry;
    return entry && entry.start <= address && address < entry.end ? entry : undefined;
  }

  /** Where the entry of the last function at or before an address is, by the sorted table of .eh_frame_hdr. */
  #search(table: bigint, count: number, data: bigint, address: bigint): bigint | undefined {
    let found: bigint | undefined;
    let low = 0;
    let high = count;
    while (low < high) {
      const mid = Math.floor((low + high) / 2);
      const row = this.#memory(table + BigInt(mid) * 8n, 8);
      if (row.length < 8) return undefined;
      if (data + BigInt(row.readInt32LE(0)) <= address) {
        found = data + BigInt(row.readInt32LE(4));
        low = mid + 1;
      } else high = mid;
    }
    return found;
  }

  #scan(section: bigint, data: bigint, address: bigint): FrameEntry | undefined {
    let at = section;
    for (let i = 0; i < MAX_ENTRIES; i++) {
      const read = frameEntryAt(at, this.#head.layout.wordBytes, data, this.#memory);
      if (!read) return undefined;
      if (read.entry && read.entry.start <= address && address < read.entry.end) return read.entry;
      at = read.next;
    }
    return undefined;
  }

  /** The function that an address lies in, its begin where it is in memory. */
  functionAt(address: bigint): ElfSymbol | undefined {
    for (const file of (this.#symbols ??= this.#symbolFiles())) {
      const found = file.functionAt(address - this.#bias);
      if (found) return { ...found, value: found.value + this.#bias };
    }
    return undefined;
  }

  /** Where its symbols are: in a file of debugging information, itself. */
  #symbolFiles(): ElfFile[] {
    const mapping = this.#mapping;
    const id = findBuildId((offset, length) =>
      this.#memory(this.#base + BigInt(offset), Math.min(length, MAX_HEAD_BYTES)),
    );
    const hex = id?.toString('hex') ?? '';
    const debug =
      hex.length > 2
        ? this.#space.localFile(path.join(DEBUG_FILES, hex.slice(0, 2), `${hex.slice(2)}.debug`))
        : undefined;
    const own = mapping.kind === 'vdso' ? inMemory(this.#memory, mapping, MAX_VDSO_BYTES) : this.#space.fileOf(mapping);
    return [debug, own].map((file) => file && ElfFile.of(file)).filter((file) => file !== undefined);
  }
}

/** A mapping that has a file from its begin, as that file. */
function inMemory(memory: ReadMemory, { start, end }: Mapping, maxBytes: number): ElfSource {
  return {
    sizeBytes: Number(end - start < BigInt(maxBytes) ? end - start : BigInt(maxBytes)),
    read(target, offset, length, position) {
      const bytes = memory(start + BigInt(position), length);
      target.set(bytes, offset);
      return bytes.length;
    },
  };
}
