import type { CoreEntry, ThreadInfoX86, UserX86FpregsEntry } from '../../image/generated/messages.js';
import { NT_PRFPREG, NT_PRSTATUS, NT_X86_XSTATE } from '../../kernel/uapi/ptrace.js';
import { note } from './note.js';

/** EM_X86_64 of elf.h. */
export const machine = 62;

/** Of struct user_regs_struct (asm/user_64.h), in its order. */
const REGISTERS = [
  'r15', 'r14', 'r13', 'r12', 'bp', 'bx', 'r11', 'r10', 'r9', 'r8', 'ax', 'cx', 'dx', 'si', 'di', 'orig_ax', 'ip', 'cs',
  'flags', 'sp', 'ss', 'fs_base', 'gs_base', 'ds', 'es', 'fs', 'gs',
] as const; // prettier-ignore

/** What struct elf_prstatus has beside registers. */
export interface ThreadStatus {
  readonly tid: number;
  readonly ppid: number;
  readonly pgid: number;
  readonly sid: number;
  /** The signal that it stopped at or waits to be given, 0 for none. */
  readonly signal: number;
  readonly pending: bigint;
  readonly blocked: bigint;
}

// struct elf_prstatus (linux/elfcore.h): offsets.
const PRSTATUS = { sizeBytes: 336, signo: 0, cursig: 12, sigpend: 16, sighold: 24, pid: 32, regs: 112, fpvalid: 328 };
// FXSAVE area and what XSAVE has behind it, as ptrace shows it (Intel SDM volume 1, chapter 13).
const FX = {
  cwd: 0,
  swd: 2,
  twd: 4,
  fop: 6,
  rip: 8,
  rdp: 16,
  mxcsr: 24,
  mxcsrMask: 28,
  st: 32,
  xmm: 160,
  sizeBytes: 512,
};
const XCR0 = 464;
const XSTATE_BV = 512;

/** Parts of XSAVE where Intel's processors have them, which is where gdb looks for them by XCR0 and size. */
const PARTS = [
  { field: 'ymmh_space', bit: 2, offset: 576, count: 64, word: 4 },
  { field: 'opmask_reg', bit: 5, offset: 1088, count: 8, word: 8 },
  { field: 'zmm_upper', bit: 6, offset: 1152, count: 64, word: 8 },
  { field: 'hi16_zmm', bit: 7, offset: 1664, count: 128, word: 8 },
  { field: 'pkru', bit: 9, offset: 2688, count: 2, word: 4 },
] as const;
const AVX_BYTES = 832;
const AVX512_BYTES = 2688;
const PKRU_BYTES = 2696;

function legacy(fpregs: UserX86FpregsEntry, sizeBytes: number): Buffer {
  const out = Buffer.alloc(sizeBytes);
  out.writeUInt16LE(fpregs.cwd & 0xffff, FX.cwd);
  out.writeUInt16LE(fpregs.swd & 0xffff, FX.swd);
  out.writeUInt16LE(fpregs.twd & 0xffff, FX.twd);
  out.writeUInt16LE(fpregs.fop & 0xffff, FX.fop);
  out.writeBigUInt64LE(fpregs.rip, FX.rip);
  out.writeBigUInt64LE(fpregs.rdp, FX.rdp);
  out.writeUInt32LE(fpregs.mxcsr, FX.mxcsr);
  out.writeUInt32LE(fpregs.mxcsr_mask, FX.mxcsrMask);
  for (const [i, word] of (fpregs.st_space ?? []).slice(0, 32).entries()) out.writeUInt32LE(word, FX.st + i * 4);
  for (const [i, word] of (fpregs.xmm_space ?? []).slice(0, 64).entries()) out.writeUInt32LE(word, FX.xmm + i * 4);
  return out;
}

/** undefined for a processor without AVX. */
function xstate(fpregs: UserX86FpregsEntry): Buffer | undefined {
  const { xsave } = fpregs;
  if (!xsave?.ymmh_space?.length) return undefined;
  const isWide = (xsave.zmm_upper?.length ?? 0) > 0;
  const sizeBytes = !isWide ? AVX_BYTES : xsave.pkru?.length ? PKRU_BYTES : AVX512_BYTES;
  const out = legacy(fpregs, sizeBytes);
  let there = 3n;
  for (const { field, bit, offset, count, word } of PARTS) {
    const values: readonly (number | bigint)[] = xsave[field] ?? [];
    if (values.length === 0 || offset + count * word > sizeBytes) continue;
    there |= 1n << BigInt(bit);
    for (const [i, value] of values.slice(0, count).entries())
      if (word === 4) out.writeUInt32LE(Number(value), offset + i * word);
      else out.writeBigUInt64LE(BigInt(value), offset + i * word);
  }
  out.writeBigUInt64LE(there, XCR0);
  out.writeBigUInt64LE((xsave.xstate_bv & there) | 3n, XSTATE_BV);
  return out;
}

const infoOf = (core: CoreEntry): ThreadInfoX86 | undefined => core.thread_info;

/** Why a core file cannot have a thread; undefined when it can. */
export function whyNot(core: CoreEntry): string | undefined {
  if (!infoOf(core)) return 'its core image has no registers';
  return infoOf(core)!.gpregs.mode === 2 ? 'it runs a 32-bit program, of which no core files are made' : undefined;
}

/** The notes with a thread's registers: the general ones, and those that come behind other notes of the first thread. */
export function threadNotes(core: CoreEntry, status: ThreadStatus): { status: Buffer; floats: Buffer[] } {
  const { gpregs, fpregs } = infoOf(core)!;
  const out = Buffer.alloc(PRSTATUS.sizeBytes);
  out.writeInt32LE(status.signal, PRSTATUS.signo);
  out.writeInt16LE(status.signal, PRSTATUS.cursig);
  out.writeBigUInt64LE(status.pending, PRSTATUS.sigpend);
  out.writeBigUInt64LE(status.blocked, PRSTATUS.sighold);
  for (const [i, id] of [status.tid, status.ppid, status.pgid, status.sid].entries())
    out.writeUInt32LE(id, PRSTATUS.pid + i * 4);
  for (const [i, name] of REGISTERS.entries()) out.writeBigUInt64LE(gpregs[name], PRSTATUS.regs + i * 8);
  out.writeInt32LE(1, PRSTATUS.fpvalid);
  const wide = xstate(fpregs);
  return {
    status: note(NT_PRSTATUS, out),
    floats: [note(NT_PRFPREG, legacy(fpregs, FX.sizeBytes)), ...(wide ? [note(NT_X86_XSTATE, wide, 'LINUX')] : [])],
  };
}
