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

function findSyscall(code: Buffer): number | undefined {
  for (let at = code.indexOf(SYSCALL); at >= 0; at = code.indexOf(SYSCALL, at + 1)) {
    if (clearsAndReturns(code, at + 2)) return at;
    if (code.subarray(at + 2, at + 11).equals(CMP_JAE_RET)) return at;
  }
  return undefined;
}

function findRestorer(code: Buffer): number | undefined {
  for (const pattern of RESTORERS) {
    const at = code.indexOf(pattern);
    if (at >= 0) return at;
  }
  return undefined;
}

const cache = new Map<string, { syscall: number | undefined; restorer: number | undefined }>();

/** Searches the executable mappings of a stopped task, vDSO first. */
export function findGadgets(mappings: readonly ExecMapping[], read: ReadTask): Gadgets | undefined {
  let syscall: number | undefined;
  let restorer: number | undefined;
  const order = [...mappings].sort((a, b) => Number(b.vdso) - Number(a.vdso));
  for (const mapping of order) {
    let found = mapping.key ? cache.get(mapping.key) : undefined;
    if (!found) {
      // Large texts are searched in their first 8 MiB: libc and static programs have both near the beginning.
      const size = Math.min(mapping.end - mapping.start, 8 << 20);
      let code: Buffer;
      try {
        code = read(mapping.start, size);
      } catch {
        continue;
      }
      found = { syscall: findSyscall(code), restorer: findRestorer(code) };
      if (mapping.key) cache.set(mapping.key, found);
    }
    if (syscall === undefined && found.syscall !== undefined) syscall = mapping.start + found.syscall;
    if (restorer === undefined && found.restorer !== undefined) restorer = mapping.start + found.restorer;
    if (syscall !== undefined && restorer !== undefined) break;
  }
  return syscall === undefined ? undefined : { syscall, restorer };
}
