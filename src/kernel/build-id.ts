import { readSync } from 'node:fs';

// elf.h, elf(5): where a linker has put the build-id of a program or library (ld --build-id).
const ELF_MAGIC = 0x464c457f; // "\x7fELF"
const EI_CLASS = 4;
const ELFCLASS32 = 1;
const ELFCLASS64 = 2;
const PT_NOTE = 4;
const NT_GNU_BUILD_ID = 3;
const NOTE_HEADER_BYTES = 12;

/** Offsets of the fields that differ between the classes. */
const LAYOUT = {
  [ELFCLASS32]: { header: 52, phoff: 28, phentsize: 32, phnum: 44, offset: 4, filesz: 16, wide: false },
  [ELFCLASS64]: { header: 64, phoff: 32, phentsize: 56, phnum: 56, offset: 8, filesz: 32, wide: true },
} as const;

/** CRIU looks no farther into a file, and takes no longer id: what it would not find must not be written either. */
const SEARCHED_BYTES = 1 << 20;
const LONGEST_BYTES = 512;
/** Headers and notes mostly stand in the first page. */
const HEAD_BYTES = 4096;

const align = (n: number) => (n + 3) & ~3;

/**
 * The build-id in the first bytes of an ELF file, as CRIU finds it: the first note of its type, whatever name it has.
 * @param read gives the bytes from an offset on, fewer at the end of the file
 */
export function findBuildId(read: (offset: number, length: number) => Buffer): Buffer | undefined {
  const head = read(0, HEAD_BYTES);
  if (head.length < 52 || head.readUInt32LE(0) !== ELF_MAGIC) return undefined;
  const kind = head[EI_CLASS];
  if (kind !== ELFCLASS32 && kind !== ELFCLASS64) return undefined;
  const layout = LAYOUT[kind];
  if (head.length < layout.header) return undefined;
  const word = (bytes: Buffer, at: number) =>
    layout.wide ? Number(bytes.readBigUInt64LE(at)) : bytes.readUInt32LE(at);
  const phoff = word(head, layout.phoff);
  const phnum = head.readUInt16LE(layout.phnum);
  if (phoff <= 0) return undefined;
  const table = read(phoff, phnum * layout.phentsize);
  for (let at = 0; at + layout.phentsize <= table.length; at += layout.phentsize) {
    if (table.readUInt32LE(at) !== PT_NOTE) continue;
    const offset = word(table, at + layout.offset);
    if (offset <= 0) continue;
    const notes = read(offset, word(table, at + layout.filesz));
    for (let note = 0; note + NOTE_HEADER_BYTES <= notes.length;) {
      const name = align(notes.readUInt32LE(note));
      const size = notes.readUInt32LE(note + 4);
      const begin = note + NOTE_HEADER_BYTES + name;
      if (notes.readUInt32LE(note + 8) === NT_GNU_BUILD_ID)
        return size > 0 && size <= LONGEST_BYTES && begin + size <= notes.length
          ? Buffer.from(notes.subarray(begin, begin + size))
          : undefined;
      note = begin + align(size);
    }
  }
  return undefined;
}

/** The build-id of an open file; undefined when it is no ELF file or has none. @throws the error of read(2) */
export function readBuildId(fd: number, sizeBytes: number): Buffer | undefined {
  const end = Math.min(sizeBytes, SEARCHED_BYTES);
  let head: Buffer | undefined;
  return findBuildId((offset, length) => {
    const wanted = Math.max(0, Math.min(length, end - offset));
    if (head && offset + wanted <= head.length) return head.subarray(offset, offset + wanted);
    const buffer = Buffer.alloc(wanted);
    const bytes = wanted === 0 ? buffer : buffer.subarray(0, readSync(fd, buffer, 0, wanted, offset));
    head ??= bytes;
    return bytes;
  });
}

/** As reg_file_entry.build_id has it: words of 4 bytes in memory order, zeros behind the last byte. */
export function buildIdWords(id: Buffer): number[] {
  const padded = Buffer.alloc(align(id.length));
  id.copy(padded);
  return Array.from({ length: padded.length / 4 }, (_, i) => padded.readUInt32LE(i * 4));
}

/** Whether a file has the build-id that the images tell. */
export function sameBuildId(words: readonly number[], id: Buffer | undefined): boolean {
  const is = id ? buildIdWords(id) : [];
  return is.length === words.length && is.every((word, i) => word === words[i]);
}
