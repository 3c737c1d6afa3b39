import { PAGE_SIZE, VMA } from '../../image/vma-status.js';
import type { AddressSpace } from '../address-space/address-space.js';
import { argumentsOf } from '../address-space/environment.js';
import type { Mapping } from '../address-space/memory-run.js';
import type { Checkpoint } from '../checkpoint.js';
import { NT_AUXV, NT_FILE, NT_PRPSINFO, NT_SIGINFO, note } from './note.js';
import { firstSignal, pendingSet, threadsOf, type DumpedThread } from './threads.js';
import type { PstreeEntry } from '../../image/generated/messages.js';

export interface CoreFileOptions {
  /**
   * Which pages of mapped files of this machine the core file has, beside those that the images have: `headers` the first
   * of each ELF file, by which a debugger knows it (what the kernel does), `all` all of them.
   */
  readonly files?: 'headers' | 'all';
}

/** A core file that is yet to be written: sparse, what no chunk covers is zeros. */
export interface CoreFile {
  readonly sizeBytes: number;
  /** Thread ids, the leader first. */
  readonly threads: readonly number[];
  /** Bytes of memory that debuggers have to take from mapped files. */
  readonly leftToFilesBytes: number;
  /** Bytes of memory that are not at hand. */
  readonly missingBytes: number;
  /** In order; the bytes are good until the next chunk is asked for. */
  chunks(): Iterable<{ readonly offset: number; readonly bytes: Uint8Array }>;
}

// elf.h, elf(5): 64-bit.
const HEADER_BYTES = 64;
const PROGRAM_HEADER_BYTES = 56;
const SECTION_HEADER_BYTES = 64;
const ET_CORE = 4;
const PT_LOAD = 1;
const PT_NOTE = 4;
/** More program headers than e_phnum holds: their number is in the first section header. */
const PN_XNUM = 0xffff;

/** Longer runs that were never written are address space that a program has reserved: file systems have limits. */
const LARGEST_HOLE = 1n << 30n;

/** A PT_LOAD: a part of a mapping that the file has, or has not. */
interface Segment {
  readonly start: bigint;
  end: bigint;
  readonly prot: string;
  readonly isThere: boolean;
}

/** The parts of all mappings. */
function segmentsOf(space: AddressSpace, files: 'headers' | 'all') {
  const segments: Segment[] = [];
  let leftToFiles = 0n;
  let missing = 0n;
  for (const mapping of space.mappings) {
    const add = (start: bigint, end: bigint, isThere: boolean): void => {
      const last = segments.at(-1);
      if (last?.end === start && last.isThere === isThere && last.start >= mapping.start) last.end = end;
      else segments.push({ start, end, prot: mapping.prot, isThere });
    };
    for (const { start, end, source } of space.runs(mapping.start, mapping.end)) {
      if (source.kind === 'file' && files === 'headers') {
        const isFirst = source.offset === 0;
        const cut = isFirst ? start + BigInt(PAGE_SIZE) : start;
        if (isFirst) add(start, cut, true);
        if (cut < end) add(cut, end, false);
        leftToFiles += end - cut;
      } else {
        add(start, end, source.kind !== 'none' && !(source.kind === 'zero' && end - start > LARGEST_HOLE));
        if (source.kind === 'none' && source.why === 'file') leftToFiles += end - start;
        else if (source.kind === 'none' && source.why !== 'kernel') missing += end - start;
      }
    }
  }
  return { segments, leftToFiles, missing };
}

/** NT_FILE: which files are mapped where (fs/binfmt_elf.c, fill_files_note). */
function fileNote(mappings: readonly Mapping[]): Buffer {
  const files = mappings.filter(({ kind, status, name }) => kind === 'file' && !(status & VMA.MEMFD) && name !== '');
  const head = Buffer.alloc(16 + files.length * 24);
  head.writeBigUInt64LE(BigInt(files.length), 0);
  head.writeBigUInt64LE(BigInt(PAGE_SIZE), 8);
  for (const [i, { start, end, pgoff }] of files.entries()) {
    head.writeBigUInt64LE(start, 16 + i * 24);
    head.writeBigUInt64LE(end, 24 + i * 24);
    head.writeBigUInt64LE(pgoff / BigInt(PAGE_SIZE), 32 + i * 24);
  }
  return note(NT_FILE, Buffer.concat([head, ...files.map(({ name }) => Buffer.from(`${name}\0`))]));
}

// struct elf_prpsinfo (linux/elfcore.h)
function processNote(space: AddressSpace, { pid, ppid, pgid, sid }: PstreeEntry, { core }: DumpedThread): Buffer {
  const out = Buffer.alloc(136);
  const text = (value: string, at: number, room: number): void => {
    out.set(Buffer.from(value).subarray(0, room - 1), at);
  };
  out[1] = core.tc?.task_state === 3 ? 'T'.charCodeAt(0) : 'S'.charCodeAt(0);
  out.writeBigUInt64LE(BigInt(core.tc?.flags ?? 0), 8);
  const ids = [core.thread_core?.creds?.uid ?? 0, core.thread_core?.creds?.gid ?? 0, pid, ppid, pgid, sid];
  for (const [i, id] of ids.entries()) out.writeUInt32LE(id, 16 + i * 4);
  text(core.tc?.comm ?? '', 40, 16);
  text(argumentsOf(space).join(' '), 56, 80);
  return note(NT_PRPSINFO, out);
}

function notesOf(space: AddressSpace, task: PstreeEntry, threads: readonly DumpedThread[]): Buffer {
  const notes: Buffer[] = [];
  for (const [i, { tid, core, machine }] of threads.entries()) {
    const own = core.thread_core?.signals_p;
    const info = firstSignal(own) ?? (i === 0 ? firstSignal(core.tc?.signals_s) : undefined);
    const { status, floats } = machine.threadNotes(core, {
      tid,
      ppid: task.ppid,
      pgid: task.pgid,
      sid: task.sid,
      signal: info?.readInt32LE(0) ?? (i === 0 ? (core.tc?.stop_signo ?? 0) : 0),
      pending: pendingSet([own, ...(i === 0 ? [core.tc?.signals_s] : [])]),
      blocked: (i === 0 ? core.tc?.blk_sigset : undefined) ?? core.thread_core?.blk_sigset ?? 0n,
    });
    notes.push(status);
    if (i === 0) notes.push(processNote(space, task, threads[0]!));
    if (info) notes.push(note(NT_SIGINFO, info));
    if (i === 0) {
      const { mm } = space;
      const auxv = BigUint64Array.from([...(mm.mm_saved_auxv ?? []), ...(mm.mm_auxv_tail ?? [])]);
      notes.push(note(NT_AUXV, new Uint8Array(auxv.buffer)), fileNote(space.mappings));
    }
    notes.push(...floats);
  }
  return Buffer.concat(notes);
}

/**
 * Plans the core file of a dumped task, which debuggers open as they open one of the kernel's.
 * @param warn is told of what is left out
 * @throws CritError NO_PROCESS, MISSING_IMAGE, UNSUPPORTED (another processor than x86_64)
 */
export function coreFile(
  checkpoint: Checkpoint,
  space: AddressSpace,
  warn: (text: string) => void,
  { files = 'headers' }: CoreFileOptions = {},
): CoreFile {
  const { task, threads } = threadsOf(checkpoint, space.pid, warn);
  const { segments, leftToFiles, missing } = segmentsOf(space, files);
  const notes = notesOf(space, task, threads);
  const count = segments.length + 1;
  const isExtended = count >= PN_XNUM;
  const table = HEADER_BYTES + (isExtended ? SECTION_HEADER_BYTES : 0);
  const notesAt = table + count * PROGRAM_HEADER_BYTES;
  const align = (offset: number) => Math.ceil(offset / PAGE_SIZE) * PAGE_SIZE;

  const head = Buffer.alloc(notesAt);
  Buffer.from([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]).copy(head);
  head.writeUInt16LE(ET_CORE, 16);
  head.writeUInt16LE(threads[0]!.machine.machine, 18);
  head.writeUInt32LE(1, 20);
  head.writeBigUInt64LE(BigInt(table), 32);
  head.writeBigUInt64LE(isExtended ? BigInt(HEADER_BYTES) : 0n, 40);
  head.writeUInt16LE(HEADER_BYTES, 52);
  head.writeUInt16LE(PROGRAM_HEADER_BYTES, 54);
  head.writeUInt16LE(isExtended ? PN_XNUM : count, 56);
  if (isExtended) {
    head.writeUInt16LE(SECTION_HEADER_BYTES, 58);
    head.writeUInt16LE(1, 60);
    head.writeUInt32LE(count, HEADER_BYTES + 44);
  }
  const program = (
    i: number,
    type: number,
    flags: number,
    offset: number,
    address: bigint,
    inFile: bigint,
    size: bigint,
  ) => {
    const at = table + i * PROGRAM_HEADER_BYTES;
    head.writeUInt32LE(type, at);
    head.writeUInt32LE(flags, at + 4);
    for (const [k, value] of [
      BigInt(offset),
      address,
      0n,
      inFile,
      size,
      type === PT_LOAD ? BigInt(PAGE_SIZE) : 4n,
    ].entries())
      head.writeBigUInt64LE(value, at + 8 + k * 8);
  };
  program(0, PT_NOTE, 0, notesAt, 0n, BigInt(notes.length), 0n);
  let offset = align(notesAt + notes.length);
  const offsets: number[] = [];
  for (const [i, { start, end, prot, isThere }] of segments.entries()) {
    const flags = (prot.includes('r') ? 4 : 0) | (prot.includes('w') ? 2 : 0) | (prot.includes('x') ? 1 : 0);
    offsets.push(offset);
    program(i + 1, PT_LOAD, flags, offset, start, isThere ? end - start : 0n, end - start);
    if (isThere) offset += Number(end - start);
  }
  return {
    sizeBytes: offset,
    threads: threads.map(({ tid }) => tid),
    leftToFilesBytes: Number(leftToFiles),
    missingBytes: Number(missing),
    *chunks() {
      yield { offset: 0, bytes: head };
      yield { offset: notesAt, bytes: notes };
      for (const [i, { start, end, isThere }] of segments.entries()) {
        if (!isThere) continue;
        for (const piece of space.pieces(start, end, { sizeBytes: 4 << 20 }))
          if (piece.kind === 'bytes') yield { offset: offsets[i]! + Number(piece.start - start), bytes: piece.bytes };
      }
    },
  };
}
