// elf.h, elf(5): little endian, of 32 and 64 bits.
const MAGIC = 0x464c457f;
const ELFDATA2LSB = 1;
const ELFCLASS32 = 1;
const ELFCLASS64 = 2;

/** Where fields are, in bytes. `word` fields have 4 or 8 bytes. */
const LAYOUT = {
  [ELFCLASS32]: {
    wordBytes: 4,
    header: { sizeBytes: 52, phoff: 28, shoff: 32, phnum: 44, shnum: 48 },
    program: { sizeBytes: 32, offset: 4, vaddr: 8, filesz: 16, memsz: 20 },
    section: { sizeBytes: 40, type: 4, offset: 16, size: 20, link: 24 },
    symbol: { sizeBytes: 16, value: 4, size: 8, info: 12, section: 14 },
  },
  [ELFCLASS64]: {
    wordBytes: 8,
    header: { sizeBytes: 64, phoff: 32, shoff: 40, phnum: 56, shnum: 60 },
    program: { sizeBytes: 56, offset: 8, vaddr: 16, filesz: 32, memsz: 40 },
    section: { sizeBytes: 64, type: 4, offset: 24, size: 32, link: 40 },
    symbol: { sizeBytes: 24, value: 8, size: 16, info: 4, section: 6 },
  },
} as const;

type ElfLayout = (typeof LAYOUT)[keyof typeof LAYOUT];

/** An address, an offset or a size at `at`. */
export const wordOf = ({ wordBytes }: ElfLayout, bytes: Buffer, at: number): number =>
  wordBytes === 8 ? Number(bytes.readBigUInt64LE(at)) : bytes.readUInt32LE(at);

/** Where an ELF file's bytes come from. */
export interface ElfSource {
  readonly sizeBytes: number;
  /** @returns how many bytes; fewer than asked for where there are no more */
  read(target: Uint8Array, offset: number, length: number, position: number): number;
}

/** An ELF file's header and program headers, and a way to more of it. */
export interface ElfHead {
  readonly layout: ElfLayout;
  readonly header: Buffer;
  /** As the file has them, one behind the other. */
  readonly programs: readonly Buffer[];
  /** Bytes of the file, as far as there are some. */
  readonly bytes: (offset: number, length: number) => Buffer;
}

/** undefined for what is no ELF file of a little-endian processor. @param maxBytes what no part is longer than */
export function elfHead(file: ElfSource, maxBytes: number): ElfHead | undefined {
  const bytes = (offset: number, length: number): Buffer => {
    const room = Math.max(0, Math.min(length, file.sizeBytes - offset, maxBytes));
    const buffer = Buffer.alloc(room);
    return buffer.subarray(0, file.read(buffer, 0, room, offset));
  };
  const start = bytes(0, 64);
  if (start.length < 52 || start.readUInt32LE(0) !== MAGIC || start[5] !== ELFDATA2LSB) return undefined;
  const layout =
    start[4] === ELFCLASS64 ? LAYOUT[ELFCLASS64] : start[4] === ELFCLASS32 ? LAYOUT[ELFCLASS32] : undefined;
  if (!layout || start.length < layout.header.sizeBytes) return undefined;
  const count = start.readUInt16LE(layout.header.phnum);
  const { sizeBytes } = layout.program;
  return {
    layout,
    header: start,
    programs: rows(bytes(wordOf(layout, start, layout.header.phoff), count * sizeBytes), sizeBytes),
    bytes,
  };
}

/** The rows of a table. */
export const rows = (table: Buffer, sizeBytes: number): Buffer[] =>
  Array.from({ length: Math.floor(table.length / sizeBytes) }, (_, i) =>
    table.subarray(i * sizeBytes, (i + 1) * sizeBytes),
  );
