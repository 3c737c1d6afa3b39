import { USER_REGS } from '../../src/arch/x86_64/registers.js';
import type { Regs } from '../../src/arch/index.js';
import * as P from '../../src/kernel/uapi/ptrace.js';
import { SIGINFO_BYTES } from '../../src/kernel/uapi/signal.js';
import { sysRaw } from '../../src/native/sys.js';
import type { Tracee } from '../../src/task/tracee.js';
import { hex, type Facts } from './facts.js';

const SUD_CONFIG_BYTES = 32;
/** sys/user.h: offsetof(struct user, u_debugreg) */
const DEBUG_REGISTERS = 848;
const NR_DEBUG_REGISTERS = 8;
const SIGNALS_AT_ONCE = 32;
/** XSAVE standard form (Intel SDM 13.4): the legacy area, then the header with the bits of what is in use. */
const LEGACY_BYTES = 512;
const HEADER_BYTES = 64;

/** What only a tracer of a stopped thread sees, before the thread does anything for it. */
export function addTracee(facts: Facts, where: string, tracee: Tracee, regs: Regs, leader: boolean): { rseq: number } {
  for (const [index, name] of USER_REGS.entries())
    facts.add(`${where}/register/${name}`, `0x${regs[index]!.toString(16)}`);
  const xstate = tracee.getXstate();
  facts.add(`${where}/xstate/legacy`, hex(xstate.subarray(0, LEGACY_BYTES)));
  facts.add(`${where}/xstate/header`, hex(xstate.subarray(LEGACY_BYTES, LEGACY_BYTES + HEADER_BYTES)));
  facts.add(`${where}/xstate/extended`, hex(xstate.subarray(LEGACY_BYTES + HEADER_BYTES)));
  for (const [name, type, size] of [
    ['i/o permissions', P.NT_386_IOPERM, 8192],
    ['shadow stack', P.NT_X86_SHSTK, 8],
  ] as const)
    try {
      facts.add(`${where}/regset/${name}`, hex(tracee.getRegset(type, size)));
    } catch (error) {
      facts.add(`${where}/regset/${name}`, (error as { code?: string }).code ?? String(error));
    }
  for (let i = 0; i < NR_DEBUG_REGISTERS; i++) {
    const word = new BigUint64Array(1);
    const r = sysRaw('ptrace', P.PTRACE_PEEKUSR, tracee.tid, DEBUG_REGISTERS + i * 8, word);
    facts.add(`${where}/debug register ${i}`, r < 0 ? `errno ${-r}` : `0x${word[0]!.toString(16)}`);
  }
  facts.add(`${where}/signal mask`, `0x${tracee.getSigmask().toString(16)}`);
  addSignals(facts, `${where}/queued for the thread`, tracee.tid, 0);
  if (leader) addSignals(facts, `${where}/queued for the process`, tracee.tid, P.PTRACE_PEEKSIGINFO_SHARED);
  const dispatch = new Uint8Array(SUD_CONFIG_BYTES);
  sysRaw('ptrace', P.PTRACE_GET_SYSCALL_USER_DISPATCH_CONFIG, tracee.tid, SUD_CONFIG_BYTES, dispatch);
  facts.add(`${where}/syscall user dispatch`, hex(dispatch));
  const rseq = new DataView(new ArrayBuffer(P.RSEQ_CONFIGURATION_BYTES));
  sysRaw('ptrace', P.PTRACE_GET_RSEQ_CONFIGURATION, tracee.tid, P.RSEQ_CONFIGURATION_BYTES, rseq.buffer);
  facts.add(`${where}/restartable sequences`, hex(new Uint8Array(rseq.buffer)));
  return { rseq: Number(rseq.getBigUint64(0, true)) };
}

/** What is queued, by signal number: only the order of those with one number counts. */
function addSignals(facts: Facts, where: string, tid: number, flags: number): void {
  const args = new DataView(new ArrayBuffer(P.PEEKSIGINFO_ARGS_BYTES));
  const counts = new Map<number, number>();
  for (let count = 0; ;) {
    args.setBigUint64(0, BigInt(count), true);
    args.setUint32(8, flags, true);
    args.setInt32(12, SIGNALS_AT_ONCE, true);
    const buffer = new Uint8Array(SIGNALS_AT_ONCE * SIGINFO_BYTES);
    const got = sysRaw('ptrace', P.PTRACE_PEEKSIGINFO, tid, args.buffer, buffer);
    if (got <= 0) return;
    count += got;
    for (let i = 0; i < got; i++) {
      const info = buffer.subarray(i * SIGINFO_BYTES, (i + 1) * SIGINFO_BYTES);
      const signal = info[0]!;
      const number = (counts.get(signal) ?? 0) + 1;
      counts.set(signal, number);
      facts.add(`${where}/signal ${signal} ${number}`, hex(info));
    }
  }
}
