import type { PstreeEntry } from '../../image/generated/messages.js';
import { PAGE_SIZE } from '../../image/vma-status.js';
import type { AddressSpace } from '../address-space/address-space.js';
import { argumentsOf } from '../address-space/environment.js';
import type { Checkpoint } from '../checkpoint.js';
import { coreHead, type Segment } from './elf-core.js';
import { NT_AUXV, NT_SIGINFO, note, registerNote } from './note.js';
import { fileNote, processNote, statusNote } from './process-notes.js';
import { firstSignal, pendingSet, threadsOf, type DumpedThread } from './threads.js';

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

/** Longer runs that were never written are address space that a program has reserved: file systems have limits. */
const LARGEST_HOLE = 1n << 30n;

/** The parts of all mappings. */
function segmentsOf(space: AddressSpace, files: 'headers' | 'all', wordBytes: 4 | 8) {
  const segments: Segment[] = [];
  let leftToFiles = 0n;
  let missing = 0n;
  for (const mapping of space.mappings) {
    // of a 32-bit program nothing is there, whatever its images say
    if (wordBytes === 4 && mapping.end > 1n << 32n) continue;
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

function notesOf(space: AddressSpace, task: PstreeEntry, threads: readonly DumpedThread[]): Buffer {
  const notes: Buffer[] = [];
  for (const [i, thread] of threads.entries()) {
    const { core, machine } = thread;
    const own = core.thread_core?.signals_p;
    const info = firstSignal(own) ?? (i === 0 ? firstSignal(core.tc?.signals_s) : undefined);
    const [general, ...others] = machine.registerSets(core);
    notes.push(
      statusNote(thread, task, general!.bytes, {
        signal: info?.readInt32LE(0) ?? (i === 0 ? (core.tc?.stop_signo ?? 0) : 0),
        pending: pendingSet([own, ...(i === 0 ? [core.tc?.signals_s] : [])]),
        blocked: (i === 0 ? core.tc?.blk_sigset : undefined) ?? core.thread_core?.blk_sigset ?? 0n,
      }),
    );
    if (i === 0) notes.push(processNote(thread, task, argumentsOf(space)));
    // images have it as a 64-bit kernel keeps it
    if (info && machine.wordBytes === 8) notes.push(note(NT_SIGINFO, info));
    if (i === 0) {
      const { mm } = space;
      const auxv = BigUint64Array.from([...(mm.mm_saved_auxv ?? []), ...(mm.mm_auxv_tail ?? [])]);
      notes.push(note(NT_AUXV, new Uint8Array(auxv.buffer)), fileNote(machine.wordBytes, space.mappings));
    }
    notes.push(...others.map(({ note: kind, bytes }) => registerNote(kind, bytes)));
  }
  return Buffer.concat(notes);
}

/**
 * Plans the core file of a dumped task, which debuggers open as they open one of the kernel's.
 * @param warn is told of what is left out
 * @throws CritError NO_PROCESS, MISSING_IMAGE, UNSUPPORTED (a processor whose registers are not known)
 */
export function coreFile(
  checkpoint: Checkpoint,
  space: AddressSpace,
  warn: (text: string) => void,
  { files = 'headers' }: CoreFileOptions = {},
): CoreFile {
  const { task, threads } = threadsOf(checkpoint, space.pid, warn);
  const { machine } = threads[0]!;
  const { segments, leftToFiles, missing } = segmentsOf(space, files, machine.wordBytes);
  const notes = notesOf(space, task, threads);
  const { bytes, notesAt, offsets, sizeBytes } = coreHead(
    machine.wordBytes,
    machine.elfMachine,
    segments,
    notes.length,
  );
  return {
    sizeBytes,
    threads: threads.map(({ tid }) => tid),
    leftToFilesBytes: Number(leftToFiles),
    missingBytes: Number(missing),
    *chunks() {
      yield { offset: 0, bytes };
      yield { offset: notesAt, bytes: notes };
      for (const [i, { start, end, isThere }] of segments.entries()) {
        if (!isThere) continue;
        for (const piece of space.pieces(start, end, { sizeBytes: 4 << 20 }))
          if (piece.kind === 'bytes') yield { offset: offsets[i]! + Number(piece.start - start), bytes: piece.bytes };
      }
    },
  };
}
