import { ByteCursor } from './byte-cursor.js';
import type { FrameEntry } from './frame-entry.js';

/** How a caller's register is found (DWARF 5, 6.4.1). Offsets count from the canonical frame address. */
export type RegisterRule =
  | { readonly kind: 'undefined' | 'same' }
  | { readonly kind: 'offset' | 'value-offset'; readonly offset: bigint }
  | { readonly kind: 'register'; readonly register: number }
  | { readonly kind: 'expression' | 'value-expression'; readonly bytes: Buffer };

/** The canonical frame address: what the stack pointer was before the call. */
export type CfaRule =
  { readonly register: number; readonly offset: bigint } | { readonly expression: Buffer } | undefined;

/** What holds at one instruction. */
export interface FrameRules {
  cfa: CfaRule;
  registers: Map<number, RegisterRule>;
  /** aarch64: the return address is signed. */
  isSigned: boolean;
}

/** Higher numbers are no registers of any processor here. */
const MAX_REGISTER = 255;
const MAX_REMEMBERED = 64;

// DWARF 5, 7.24, and binutils' additions: the first three have an operand in their low 6 bits.
const CFA = {
  advance: 1, offset: 2, restore: 3,
  nop: 0x00, setLocation: 0x01, advance1: 0x02, advance2: 0x03, advance4: 0x04, offsetExtended: 0x05,
  restoreExtended: 0x06, undefined: 0x07, sameValue: 0x08, register: 0x09, rememberState: 0x0a, restoreState: 0x0b,
  defCfa: 0x0c, defCfaRegister: 0x0d, defCfaOffset: 0x0e, defCfaExpression: 0x0f, expression: 0x10,
  offsetExtendedSf: 0x11, defCfaSf: 0x12, defCfaOffsetSf: 0x13, valOffset: 0x14, valOffsetSf: 0x15,
  valExpression: 0x16, negateRaState: 0x2d, argsSize: 0x2e, negativeOffset: 0x2f,
} as const; // prettier-ignore

const copyOf = ({ cfa, registers, isSigned }: FrameRules): FrameRules => ({
  cfa,
  registers: new Map(registers),
  isSigned,
});

/** Runs instructions until they are past a place. @returns false when they cannot be followed */
function run(
  entry: FrameEntry,
  instructions: Buffer,
  address: bigint,
  state: FrameRules,
  initial: FrameRules | undefined,
): boolean {
  const c = new ByteCursor(instructions, 0n, entry.wordBytes);
  const remembered: FrameRules[] = [];
  let at = entry.start;
  const set = (register: number, rule: RegisterRule) => {
    if (register <= MAX_REGISTER) state.registers.set(register, rule);
  };
  const offset = (register: number, factored: bigint) =>
    set(register, { kind: 'offset', offset: factored * entry.dataAlign });
  const valueOffset = (register: number, factored: bigint) =>
    set(register, { kind: 'value-offset', offset: factored * entry.dataAlign });
  const restore = (register: number) => {
    const rule = initial?.registers.get(register);
    if (rule) state.registers.set(register, rule);
    else state.registers.delete(register);
  };
  const moveCfa = (change: { register?: number; offset?: bigint }): boolean => {
    if (!state.cfa || !('register' in state.cfa)) return false;
    state.cfa = { ...state.cfa, ...change };
    return true;
  };
  /** @returns whether the place is still ahead */
  const advance = (count: number): boolean => (at += BigInt(count) * entry.codeAlign) <= address;
  while (!c.isAtEnd) {
    const code = c.u8();
    const low = code & 0x3f;
    if (code >> 6 === CFA.advance) {
      if (!advance(low)) return true;
      continue;
    }
    if (code >> 6 === CFA.offset) {
      offset(low, c.uleb());
      continue;
    }
    if (code >> 6 === CFA.restore) {
      restore(low);
      continue;
    }
    switch (code) {
      case CFA.nop:
        break;
      case CFA.advance1:
        if (!advance(c.u8())) return true;
        break;
      case CFA.advance2:
        if (!advance(c.u16())) return true;
        break;
      case CFA.advance4:
        if (!advance(c.u32())) return true;
        break;
      case CFA.offsetExtended:
        offset(c.number(), c.uleb());
        break;
      case CFA.offsetExtendedSf:
        offset(c.number(), c.sleb());
        break;
      case CFA.negativeOffset:
        offset(c.number(), -c.uleb());
        break;
      case CFA.valOffset:
        valueOffset(c.number(), c.uleb());
        break;
      case CFA.valOffsetSf:
        valueOffset(c.number(), c.sleb());
        break;
      case CFA.restoreExtended:
        restore(c.number());
        break;
      case CFA.undefined:
        set(c.number(), { kind: 'undefined' });
        break;
      case CFA.sameValue:
        set(c.number(), { kind: 'same' });
        break;
      case CFA.register:
        set(c.number(), { kind: 'register', register: c.number() });
        break;
      case CFA.rememberState:
        if (remembered.length >= MAX_REMEMBERED) return false;
        remembered.push(copyOf(state));
        break;
      case CFA.restoreState: {
        const before = remembered.pop();
        if (!before) return false;
        Object.assign(state, before);
        break;
      }
      case CFA.defCfa:
        state.cfa = { register: c.number(), offset: c.uleb() };
        break;
      case CFA.defCfaSf:
        state.cfa = { register: c.number(), offset: c.sleb() * entry.dataAlign };
        break;
      case CFA.defCfaRegister:
        if (!moveCfa({ register: c.number() })) return false;
        break;
      case CFA.defCfaOffset:
        if (!moveCfa({ offset: c.uleb() })) return false;
        break;
      case CFA.defCfaOffsetSf:
        if (!moveCfa({ offset: c.sleb() * entry.dataAlign })) return false;
        break;
      case CFA.defCfaExpression:
        state.cfa = { expression: c.block(c.number()) };
        break;
      case CFA.expression:
        set(c.number(), { kind: 'expression', bytes: c.block(c.number()) });
        break;
      case CFA.valExpression:
        set(c.number(), { kind: 'value-expression', bytes: c.block(c.number()) });
        break;
      case CFA.negateRaState:
        state.isSigned = !state.isSigned;
        break;
      case CFA.argsSize:
        c.uleb();
        break;
      // DW_CFA_set_loc, too, which nobody writes in .eh_frame
      default:
        return false;
    }
  }
  return !c.isCut;
}

/** What an entry says at an address in its range; undefined when it cannot be followed. */
export function rulesAt(entry: FrameEntry, address: bigint): FrameRules | undefined {
  const state: FrameRules = { cfa: undefined, registers: new Map(), isSigned: false };
  if (!run(entry, entry.common, address, state, undefined)) return undefined;
  return run(entry, entry.own, address, state, copyOf(state)) ? state : undefined;
}
