/**
 * Two instruction sequences that nearly every task has mapped, found by their bytes. With them crit can make system
 * calls in a task, and leave it to heal by itself should crit die, before any code of crit's is there.
 */
import type { ExecMapping, Gadgets, ReadTask } from '../arch.js';

/** mov $15,%rax; syscall (glibc) and mov $15,%eax; syscall (musl) */
const RESTORERS = [Buffer.from('48c7c00f0000000f05', 'hex'), Buffer.from('b80f0000000f05', 'hex')];
/** cmp $-4095,%rax; jae +1; ret: what glibc's syscall wrappers do after the instruction */
const CMP_JAE_RET = Buffer.from('483d01f0ffff7301c3', 'hex');
/** mov $15,%eax; syscall: for a process that has no code of its own for it. */
export const RESTORER_CODE = [0xb8, 15, 0, 0, 0, 0x0f, 0x05];
const SYSCALL = Buffer.from('0f05', 'hex');

/** True when the instructions at `at` clear registers (xor r,r) and return. */
function clearsAndReturns(code: Buffer, at: number): boolean {
  for (let i = 0; i < 16; i++) {
    if (code[at] === 0xc3) return true;
    const rex = code[at] === 0x45 || code[at] === 0x4d || code[at] === 0x48 ? 1 : 0;
    if (code[at + rex] !== 0x31) return false;
    const modrm = code[at + rex + 1]!;
    if (modrm >>> 6 !== 3 || ((modrm >>> 3) & 7) !== (modrm & 7)) return false;
    // xor of rsp would not return
    if (!(rex && code[at] !== 0x48) && (modrm & 7) === 4) return false;
    at += rex + 2;
  }
  return false;
}

/** Whether a usable `syscall` stands at `at`. */
function isSyscall(code: Buffer, at: number): boolean {
  return (
    SYSCALL.equals(code.subarray(at, at + 2)) &&
    (clearsAndReturns(code, at + 2) || CMP_JAE_RET.equals(code.subarray(at + 2, at + 11)))
  );
}

function findSyscall(code: Buffer): number | undefined {
  for (let at = code.indexOf(SYSCALL); at >= 0; at = code.indexOf(SYSCALL, at + 1)) if (isSyscall(code, at)) return at;
  return undefined;
}

function findRestorer(code: Buffer): number | undefined {
  for (const pattern of RESTORERS) {
    const at = code.indexOf(pattern);
    if (at >= 0) return at;
  }
  return undefined;
}

/** Offsets in a mapping. */
interface Places {
  readonly syscall: number | undefined;
  readonly restorer: number | undefined;
}

/**
 * Where instructions were found in mappings of the same content. Each task can have changed its own copy of a file's
 * text, so that this is where to look first, and no more.
 */
const seen = new Map<string, Places>();
/** So many are kept by a process that dumps for long. */
const MAX_SEEN = 1024;
/** More than the longest sequence that isSyscall looks at. */
const LOOK_BYTES = 64;

/** Whether this task has the instructions where another had them. */
function areThere({ start, end }: ExecMapping, { syscall, restorer }: Places, read: ReadTask): boolean {
  const at = (offset: number) => read(start + offset, Math.min(LOOK_BYTES, Math.max(0, end - start - offset)));
  try {
    return (
      (syscall === undefined || isSyscall(at(syscall), 0)) &&
      (restorer === undefined || findRestorer(at(restorer)) === 0)
    );
  } catch {
    return false;
  }
}

function search(mapping: ExecMapping, read: ReadTask): Places | undefined {
  const known = mapping.key ? seen.get(mapping.key) : undefined;
  if (known && areThere(mapping, known, read)) return known;
  // Large texts are searched in their first 8 MiB: libc and static programs have both near the beginning.
  const sizeBytes = Math.min(mapping.end - mapping.start, 8 << 20);
  let code: Buffer;
  try {
    code = read(mapping.start, sizeBytes);
  } catch {
    return undefined;
  }
  const found = { syscall: findSyscall(code), restorer: findRestorer(code) };
  if (seen.size >= MAX_SEEN) seen.clear();
  if (mapping.key) seen.set(mapping.key, found);
  return found;
}

/** Searches the executable mappings of a stopped task, vDSO first. */
export function findGadgets(mappings: readonly ExecMapping[], read: ReadTask): Gadgets | undefined {
  let syscall: number | undefined;
  let restorer: number | undefined;
  const order = [...mappings].sort((a, b) => Number(b.vdso) - Number(a.vdso));
  for (const mapping of order) {
    const found = search(mapping, read);
    if (syscall === undefined && found?.syscall !== undefined) syscall = mapping.start + found.syscall;
    if (restorer === undefined && found?.restorer !== undefined) restorer = mapping.start + found.restorer;
    if (syscall !== undefined && restorer !== undefined) break;
  }
  return syscall === undefined ? undefined : { syscall, restorer };
}
