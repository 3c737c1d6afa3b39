import { CritError } from '../../image/errors.js';
import { PAGE_SIZE } from '../../image/vma-status.js';
import { StructWriter } from './struct-writer.js';

// elf.h, elf(5): the header, a program header, a section header; in bytes.
const HEADER_BYTES = { 4: 52, 8: 64 } as const;
const PROGRAM_BYTES = { 4: 32, 8: 56 } as const;
const SECTION_BYTES = { 4: 40, 8: 64 } as const;
const CLASS = { 4: 1, 8: 2 } as const;
const ET_CORE = 4;
const PT_LOAD = 1;
const PT_NOTE = 4;
/** PF_R, PF_W, PF_X */
const PROTECTION = [['r', 4], ['w', 2], ['x', 1]] as const; // prettier-ignore
/** More program headers than e_phnum holds: their number is in the first section header. */
const PN_XNUM = 0xffff;

/** A PT_LOAD: a part of a mapping that the file has, or has not. */
export interface Segment {
  readonly start: bigint;
  end: bigint;
  readonly prot: string;
  readonly isThere: boolean;
}

interface Program {
  readonly type: number;
  readonly flags: number;
  readonly offset: number;
  readonly address: bigint;
  readonly inFile: bigint;
  readonly size: bigint;
  readonly align: number;
}

function programHeader(out: StructWriter, program: Program): void {
  const { type, flags, offset, address, inFile, size, align } = program;
  out.integers(4, type);
  if (out.wordBytes === 8) out.integers(4, flags);
  out.words(offset, address, 0, inFile, size);
  if (out.wordBytes === 4) out.integers(4, flags);
  out.words(align);
}

/** What a core file begins with. */
export interface CoreHead {
  readonly bytes: Buffer;
  readonly notesAt: number;
  /** Where the bytes of each segment begin. */
  readonly offsets: readonly number[];
  readonly sizeBytes: number;
}

/** @throws CritError UNSUPPORTED when it is too large for offsets of 32 bits */
export function coreHead(
  wordBytes: 4 | 8,
  machine: number,
  segments: readonly Segment[],
  notesBytes: number,
): CoreHead {
  const count = segments.length + 1;
  const isExtended = count >= PN_XNUM;
  const table = HEADER_BYTES[wordBytes] + (isExtended ? SECTION_BYTES[wordBytes] : 0);
  const notesAt = table + count * PROGRAM_BYTES[wordBytes];
  const align = (offset: number) => Math.ceil(offset / PAGE_SIZE) * PAGE_SIZE;

  const out = new StructWriter(wordBytes);
  out.bytes(Uint8Array.of(0x7f, 0x45, 0x4c, 0x46, CLASS[wordBytes], 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0));
  out
    .integers(2, ET_CORE, machine)
    .integers(4, 1)
    .words(0, table, isExtended ? HEADER_BYTES[wordBytes] : 0);
  out.integers(4, 0).integers(2, HEADER_BYTES[wordBytes], PROGRAM_BYTES[wordBytes], isExtended ? PN_XNUM : count);
  out.integers(2, isExtended ? SECTION_BYTES[wordBytes] : 0, isExtended ? 1 : 0, 0);
  if (isExtended) out.integers(4, 0, 0).words(0, 0, 0, 0).integers(4, 0, count).words(0, 0);
  const note = {
    type: PT_NOTE,
    flags: 0,
    offset: notesAt,
    address: 0n,
    inFile: BigInt(notesBytes),
    size: 0n,
    align: 4,
  };
  programHeader(out, note);
  const offsets: number[] = [];
  let offset = align(notesAt + notesBytes);
  for (const { start, end, prot, isThere } of segments) {
    const flags = PROTECTION.reduce((set, [letter, flag]) => (prot.includes(letter) ? set | flag : set), 0);
    const size = end - start;
    offsets.push(offset);
    programHeader(out, {
      type: PT_LOAD,
      flags,
      offset,
      address: start,
      inFile: isThere ? size : 0n,
      size,
      align: PAGE_SIZE,
    });
    if (isThere) offset += Number(size);
  }
  if (wordBytes === 4 && offset >= 2 ** 32)
    throw new CritError('the memory of the 32-bit process does not fit into a core file of 32 bits', {
      code: 'UNSUPPORTED',
    });
  return { bytes: out.done(), notesAt, offsets, sizeBytes: offset };
}
