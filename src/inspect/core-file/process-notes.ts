import type { PstreeEntry } from '../../image/generated/messages.js';
import { PAGE_SIZE, VMA } from '../../image/vma-status.js';
import { TASK } from '../../image/task-state.js';
import type { Mapping } from '../address-space/memory-run.js';
import { NT_FILE, NT_PRPSINFO, note, registerNote } from './note.js';
import { StructWriter } from './struct-writer.js';
import type { DumpedThread } from './threads.js';

/** What struct elf_prstatus has of a thread's signals. */
export interface ThreadSignals {
  /** The signal that it stopped at or waits to be given, 0 for none. */
  readonly signal: number;
  readonly pending: bigint;
  readonly blocked: bigint;
}

/** struct elf_prstatus (linux/elfcore.h). @param registers the general ones */
export function statusNote(
  { tid, machine }: DumpedThread,
  { ppid, pgid, sid }: PstreeEntry,
  registers: Uint8Array,
  { signal, pending, blocked }: ThreadSignals,
): Buffer {
  const out = new StructWriter(machine.wordBytes);
  out.integers(4, signal, 0, 0).integers(2, signal).words(pending, blocked);
  const times = [0, 0, 0, 0, 0, 0, 0, 0];
  out.integers(4, tid, ppid, pgid, sid).words(...times);
  return registerNote('PRSTATUS', out.bytes(registers).integers(4, 1).done());
}

/** struct elf_prpsinfo (linux/elfcore.h). @param args the command line */
export function processNote(
  { core, machine }: DumpedThread,
  { pid, ppid, pgid, sid }: PstreeEntry,
  args: readonly string[],
): Buffer {
  const { wordBytes } = machine;
  const { uid = 0, gid = 0 } = core.thread_core?.creds ?? {};
  const letter = core.tc?.task_state === TASK.STOPPED ? 'T' : 'S';
  const out = new StructWriter(wordBytes);
  out.integers(1, 0, letter.charCodeAt(0), 0, 0).words(core.tc?.flags ?? 0);
  out.integers(wordBytes === 4 ? 2 : 4, uid, gid).integers(4, pid, ppid, pgid, sid);
  return note(
    NT_PRPSINFO,
    out
      .text(core.tc?.comm ?? '', 16)
      .text(args.join(' '), 80)
      .done(),
  );
}

/** NT_FILE: which files are mapped where (fs/binfmt_elf.c, fill_files_note). */
export function fileNote(wordBytes: 4 | 8, mappings: readonly Mapping[]): Buffer {
  const files = mappings.filter(({ kind, status, name }) => kind === 'file' && !(status & VMA.MEMFD) && name !== '');
  const out = new StructWriter(wordBytes).words(files.length, PAGE_SIZE);
  for (const { start, end, pgoff } of files) out.words(start, end, pgoff / BigInt(PAGE_SIZE));
  return note(NT_FILE, Buffer.concat([out.done(), ...files.map(({ name }) => Buffer.from(`${name}\0`))]));
}
