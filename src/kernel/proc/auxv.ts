import type { Pid } from '../../image/pid.js';
import { readMemoryBytes } from './proc-file.js';

/** linux/auxvec.h, asm/auxvec.h: types of the auxiliary vector (getauxval(3)). */
export const AT = {
  AT_NULL: 0,
  AT_EXECFD: 2,
  AT_PHDR: 3,
  AT_PHENT: 4,
  AT_PHNUM: 5,
  AT_PAGESZ: 6,
  AT_BASE: 7,
  AT_FLAGS: 8,
  AT_ENTRY: 9,
  AT_UID: 11,
  AT_EUID: 12,
  AT_GID: 13,
  AT_EGID: 14,
  AT_PLATFORM: 15,
  AT_HWCAP: 16,
  AT_CLKTCK: 17,
  AT_SECURE: 23,
  AT_BASE_PLATFORM: 24,
  AT_RANDOM: 25,
  AT_HWCAP2: 26,
  AT_RSEQ_FEATURE_SIZE: 27,
  AT_RSEQ_ALIGN: 28,
  AT_HWCAP3: 29,
  AT_HWCAP4: 30,
  AT_EXECFN: 31,
  AT_SYSINFO: 32,
  AT_SYSINFO_EHDR: 33,
  AT_MINSIGSTKSZ: 51,
} as const;

/** The auxiliary vector as u64 pairs, type and value, AT_NULL included: what PR_SET_MM_MAP takes. */
export function parseAuxv(bytes: Uint8Array): bigint[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const words: bigint[] = [];
  for (let at = 0; at + 16 <= bytes.byteLength; at += 16) {
    const type = view.getBigUint64(at, true);
    words.push(type, view.getBigUint64(at + 8, true));
    if (type === BigInt(AT.AT_NULL)) break;
  }
  return words;
}

/** The auxiliary vector of a process. @throws ProcGone, for a zombie or a kernel thread too */
export function readAuxv(pid: Pid): bigint[] {
  return parseAuxv(readMemoryBytes(pid, 'auxv'));
}

/** The value of a type. */
export function auxvValue(auxv: readonly bigint[], type: number): bigint | undefined {
  for (let i = 0; i + 1 < auxv.length; i += 2) if (auxv[i] === BigInt(type)) return auxv[i + 1];
  return undefined;
}
