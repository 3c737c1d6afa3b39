import { AUDIT_ARCH, SYSCALLS, type SyscallName } from '../arch/index.js';
import {
  SECCOMP_DATA,
  SECCOMP_RET_ACTION_FULL,
  SECCOMP_RET_ALLOW,
  SECCOMP_RET_LOG,
  SECCOMP_RET_USER_NOTIF,
} from './uapi/seccomp.js';
import { SOCK_FILTER_BYTES } from './uapi/socket-options.js';

/** The program of a seccomp filter: struct sock_filter of linux/filter.h, 8 bytes each. */
export type FilterProgram = Uint8Array;

// linux/bpf_common.h
const CLASS = 0x07;
const LD = 0x00;
const LDX = 0x01;
const ST = 0x02;
const STX = 0x03;
const ALU = 0x04;
const JMP = 0x05;
const RET = 0x06;
const MODE = 0xe0;
const IMM = 0x00;
const ABS = 0x20;
const LEN = 0x80;
const OP = 0xf0;
const JA = 0x00;
const FROM_X = 0x08;
const FROM_A = 0x10;
const TXA = 0x80;
/** sizeof(struct seccomp_data), what BPF_LEN says. */
const DATA_BYTES = 64;
/** A program that branches more than that is not followed to its end. */
const MOST_STEPS = 20_000;

/** A number, or undefined where it depends on what the filter cannot be asked for here: arguments, for one. */
type Word = number | undefined;

const JUMPS: ReadonlyMap<number, (a: number, b: number) => boolean> = new Map([
  [0x10, (a, b) => a === b],
  [0x20, (a, b) => a > b],
  [0x30, (a, b) => a >= b],
  [0x40, (a, b) => (a & b) !== 0],
]);

/** Everything that a program may say of a call, whatever its arguments are; undefined where that is not found out. */
function verdicts(program: FilterProgram, nr: number): Set<Word> | undefined {
  const view = new DataView(program.buffer, program.byteOffset, program.length);
  const count = Math.floor(program.length / SOCK_FILTER_BYTES);
  const said = new Set<Word>();
  const seen = new Set<string>();
  const waiting: [at: number, a: Word, x: Word][] = [[0, 0, 0]];
  for (let next; (next = waiting.pop());) {
    const [at, a, x] = next;
    const key = `${at} ${a} ${x}`;
    if (seen.has(key)) continue;
    seen.add(key);
    if (at >= count || seen.size > MOST_STEPS) return undefined;
    const code = view.getUint16(at * SOCK_FILTER_BYTES, true);
    const k = view.getUint32(at * SOCK_FILTER_BYTES + 4, true);
    const go = (to: number, newA: Word, newX: Word) => waiting.push([to, newA, newX]);
    switch (code & CLASS) {
      case LD:
      case LDX: {
        const loaded = load(code & MODE, k, nr);
        if ((code & CLASS) === LD) go(at + 1, loaded, x);
        else go(at + 1, a, loaded);
        break;
      }
      case ST:
      case STX:
        go(at + 1, a, x); // what is loaded from there is not known
        break;
      case ALU:
        go(at + 1, (code & OP) === 0x50 && !(code & FROM_X) && a !== undefined ? (a & k) >>> 0 : undefined, x);
        break;
      case JMP: {
        const op = code & OP;
        if (op === JA) {
          go(at + 1 + k, a, x);
          break;
        }
        const compare = JUMPS.get(op);
        if (!compare) return undefined;
        const other = code & FROM_X ? x : k;
        const taken = a === undefined || other === undefined ? undefined : compare(a, other);
        if (taken !== false) go(at + 1 + view.getUint8(at * SOCK_FILTER_BYTES + 2), a, x);
        if (taken !== true) go(at + 1 + view.getUint8(at * SOCK_FILTER_BYTES + 3), a, x);
        break;
      }
      case RET:
        said.add(code & FROM_A ? a : k);
        break;
      default: // BPF_MISC
        if (code & TXA) go(at + 1, x, x);
        else go(at + 1, a, a);
    }
  }
  return said;
}

function load(mode: number, k: number, nr: number): Word {
  if (mode === IMM) return k;
  if (mode === LEN) return DATA_BYTES;
  if (mode === ABS && k === SECCOMP_DATA.nr) return nr;
  if (mode === ABS && k === SECCOMP_DATA.arch) return AUDIT_ARCH;
  return undefined;
}

/** Whether a filter lets a call through, whatever its arguments are. False where that cannot be told. */
export function surelyAllowed(program: FilterProgram, call: SyscallName): boolean {
  const said = verdicts(program, SYSCALLS[call]);
  return said !== undefined && [...said].every((word) => word !== undefined && isAllowed(word));
}

function isAllowed(word: number): boolean {
  const action = (word & SECCOMP_RET_ACTION_FULL) >>> 0;
  return action === SECCOMP_RET_ALLOW || action === SECCOMP_RET_LOG;
}

/** Whether a program has an instruction that hands a call to a supervisor (seccomp_unotify(2)). */
export function asksSupervisor(program: FilterProgram): boolean {
  const view = new DataView(program.buffer, program.byteOffset, program.length);
  for (let at = 0; at + SOCK_FILTER_BYTES <= program.length; at += SOCK_FILTER_BYTES) {
    const code = view.getUint16(at, true);
    const action = (view.getUint32(at + 4, true) & SECCOMP_RET_ACTION_FULL) >>> 0;
    if ((code & CLASS) === RET && !(code & FROM_A) && action === SECCOMP_RET_USER_NOTIF) return true;
  }
  return false;
}
