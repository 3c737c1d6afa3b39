import { CritError } from '../../image/errors.js';
import type { MmEntry, VmaEntry } from '../../image/generated/messages.js';
import { PAGE_SIZE, VMA } from '../../image/vma-status.js';
import { MAP_ANONYMOUS, MAP_PRIVATE, PROT_READ, PROT_WRITE } from '../../kernel/uapi/mman.js';
import type { EditedSet } from '../edited-set.js';
import type { MemoryEdits } from './memory-edits.js';

/** The kernel's limit of one string is 32 pages; of all together, a quarter of the stack. */
const MAX_STRINGS_BYTES = 8 << 20;
const WORD = 8;

const bad = (text: string): CritError => new CritError(text, { code: 'BAD_ARGUMENT' });

/** A process's arguments, or its environment. */
export interface Strings {
  readonly start: 'mm_arg_start' | 'mm_env_start';
  readonly end: 'mm_arg_end' | 'mm_env_end';
  readonly what: string;
}

export const ARGUMENTS: Strings = { start: 'mm_arg_start', end: 'mm_arg_end', what: 'argument' };
export const ENVIRONMENT: Strings = { start: 'mm_env_start', end: 'mm_env_end', what: 'environment' };

interface Found {
  readonly address: bigint;
  readonly text: string;
}

/** The strings as /proc/PID/environ or cmdline shows them, with their addresses. Bytes are latin1 characters. */
export function stringsOf(edits: MemoryEdits, pid: number, { start, end, what }: Strings): Found[] {
  const { mm } = edits.space(pid);
  const length = Number(mm[end] - mm[start]);
  if (length <= 0 || length > MAX_STRINGS_BYTES) throw bad(`process ${pid} has no ${what}`);
  const text = Buffer.from(edits.read(pid, mm[start], length)).toString('latin1');
  let at = 0;
  return text
    .replace(/\0$/, '')
    .split('\0')
    .map((one) => {
      const found = { address: mm[start] + BigInt(at), text: one };
      at += one.length + 1;
      return found;
    });
}

/**
 * Gives one of the strings another text. What fits stands in its place. What is longer gets a mapping of its own, to which
 * all strings are copied, so that /proc shows them; pointers to the old string are found in the memory of the process and
 * changed: those of the arrays that main() got, and copies of them that the C library made.
 * @returns how many pointers were changed; 0: it stands where it stood
 */
export function changeString(
  set: EditedSet,
  edits: MemoryEdits,
  pid: number,
  kind: Strings,
  index: number,
  text: string,
): number {
  const all = stringsOf(edits, pid, kind);
  const old = all[index]!;
  const bytes = Buffer.from(text, 'utf8');
  if (bytes.includes(0)) throw bad(`a string of ${kind.what} cannot hold a NUL`);
  if (bytes.length <= old.text.length) {
    edits.write(pid, old.address, Buffer.concat([bytes, Buffer.alloc(old.text.length - bytes.length)]));
    return 0;
  }
  const copies = all.map((one, i) => (i === index ? bytes : Buffer.from(one.text, 'latin1')));
  const block = Buffer.concat(copies.flatMap((one) => [one, Buffer.alloc(1)]));
  const size = Math.ceil(block.length / PAGE_SIZE) * PAGE_SIZE;
  const mm = set.change('MM', pid).entries[0]!.message;
  const base = addMapping(mm, BigInt(size));
  edits.add(pid, base, Buffer.concat([block, Buffer.alloc(size - block.length)]));
  const offset = copies.slice(0, index).reduce((sum, one) => sum + one.length + 1, 0);
  const changed = redirect(edits, pid, old.address, base + BigInt(offset));
  if (changed === 0)
    throw bad(`process ${pid}: nothing points to its ${kind.what} ${index}: it cannot be told where it is used`);
  mm[kind.start] = base;
  mm[kind.end] = base + BigInt(block.length);
  return changed;
}

const wordOf = (value: bigint): Buffer => {
  const word = Buffer.alloc(WORD);
  word.writeBigUInt64LE(value);
  return word;
};

/** Where in the process's own memory a word is an address. */
function wordsThatAre(edits: MemoryEdits, pid: number, address: bigint): bigint[] {
  const wanted = wordOf(address);
  const found: bigint[] = [];
  const space = edits.space(pid);
  for (const { start, end, status } of space.mm.vmas ?? []) {
    if (!(status & (VMA.ANON_PRIVATE | VMA.STACK | VMA.HEAP | VMA.FILE_PRIVATE))) continue;
    for (const piece of space.pieces(start, end)) {
      if (piece.kind !== 'bytes') continue;
      // pieces begin at pages: a word does not lie across two of them
      for (let at = piece.bytes.indexOf(wanted); at >= 0; at = piece.bytes.indexOf(wanted, at + 1))
        if (at % WORD === 0) found.push(piece.start + BigInt(at));
    }
  }
  return found;
}

/** Changes every word of the process's own memory that is an address. @returns how many */
function redirect(edits: MemoryEdits, pid: number, from: bigint, to: bigint): number {
  const found = wordsThatAre(edits, pid, from);
  for (const address of found) edits.write(pid, address, wordOf(to));
  return found.length;
}

/**
 * Adds a variable. The array of the environment ends where the auxiliary vector begins, so that a longer one gets a mapping
 * of its own, with all strings, which /proc shows; what points to the array (main()'s argument, `environ`) is changed.
 * @returns how many pointers were changed
 */
export function addVariable(set: EditedSet, edits: MemoryEdits, pid: number, text: string): number {
  const all = stringsOf(edits, pid, ENVIRONMENT);
  const bytes = Buffer.from(text, 'utf8');
  if (bytes.includes(0)) throw bad('a string of environment cannot hold a NUL');
  const mm = set.change('MM', pid).entries[0]!.message;
  if (mm.mm_env_start !== edits.space(pid).mm.mm_env_start)
    throw bad(`process ${pid}: its environment is moved by another change already: add one variable at a time`);
  const old = Buffer.concat([...all.map(({ address }) => wordOf(address)), wordOf(0n)]);
  const arrays = wordsThatAre(edits, pid, all[0]!.address).filter((at) => has(edits, pid, at, old));
  const block = Buffer.concat([...all.map((one) => Buffer.from(`${one.text}\0`, 'latin1')), bytes, Buffer.alloc(1)]);
  const arrayAt = Math.ceil(block.length / WORD) * WORD;
  const size = Math.ceil((arrayAt + old.length + WORD) / PAGE_SIZE) * PAGE_SIZE;
  const base = addMapping(mm, BigInt(size));
  const page = Buffer.alloc(size);
  block.copy(page);
  old.copy(page, arrayAt);
  wordOf(base + BigInt(block.length - bytes.length - 1)).copy(page, arrayAt + old.length - WORD);
  edits.add(pid, base, page);
  const changed = arrays.reduce((sum, at) => sum + redirect(edits, pid, at, base + BigInt(arrayAt)), 0);
  if (changed === 0)
    throw bad(
      `process ${pid}: nothing points to the list of its variables: it cannot be told where one would be looked up`,
    );
  mm.mm_env_start = base;
  mm.mm_env_end = base + BigInt(block.length);
  return changed;
}

function has(edits: MemoryEdits, pid: number, at: bigint, bytes: Uint8Array): boolean {
  try {
    return Buffer.from(edits.read(pid, at, bytes.length)).equals(bytes);
  } catch {
    return false; // it goes on in memory that the images do not have
  }
}

/** Adds private memory where there is most room. @returns its address */
function addMapping(mm: MmEntry, size: bigint): bigint {
  const vmas = (mm.vmas ??= []);
  let best = { after: -1, room: 0n };
  for (let i = 0; i + 1 < vmas.length; i++) {
    const room = vmas[i + 1]!.start - vmas[i]!.end;
    // the vsyscall page lies beyond what a process can map
    if (room > best.room && vmas[i + 1]!.start < 1n << 47n) best = { after: i, room };
  }
  const before = vmas[best.after];
  if (!before || best.room < 4n * size) throw bad('there is no room for another mapping in the process');
  const start = ((before.end + best.room / 2n) / BigInt(PAGE_SIZE)) * BigInt(PAGE_SIZE);
  const vma: VmaEntry = {
    start,
    end: start + size,
    pgoff: 0n,
    shmid: 0n,
    prot: PROT_READ | PROT_WRITE,
    flags: MAP_PRIVATE | MAP_ANONYMOUS,
    status: VMA.REGULAR | VMA.ANON_PRIVATE,
    fd: -1n,
  };
  vmas.splice(best.after + 1, 0, vma);
  return start;
}
