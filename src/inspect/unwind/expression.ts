import { ByteCursor } from './byte-cursor.js';
import { readWord, type ReadMemory } from './pointer.js';

/** Longer ones loop. Those that compilers and the C library write have less than 20 operations. */
const MAX_STEPS = 1000;
const MAX_STACK = 64;

// DWARF 5, 7.7.1: DW_OP_*.
const OP = {
  addr: 0x03, deref: 0x06, const1u: 0x08, const1s: 0x09, const2u: 0x0a, const2s: 0x0b, const4u: 0x0c, const4s: 0x0d,
  const8u: 0x0e, const8s: 0x0f, constu: 0x10, consts: 0x11, dup: 0x12, drop: 0x13, over: 0x14, pick: 0x15, swap: 0x16,
  rot: 0x17, abs: 0x19, and: 0x1a, div: 0x1b, minus: 0x1c, mod: 0x1d, mul: 0x1e, neg: 0x1f, not: 0x20, or: 0x21,
  plus: 0x22, plusUconst: 0x23, shl: 0x24, shr: 0x25, shra: 0x26, xor: 0x27, bra: 0x28, eq: 0x29, ge: 0x2a, gt: 0x2b,
  le: 0x2c, lt: 0x2d, ne: 0x2e, skip: 0x2f, lit0: 0x30, lit31: 0x4f, breg0: 0x70, breg31: 0x8f, bregx: 0x92,
  derefSize: 0x94, nop: 0x96,
} as const; // prettier-ignore

/** Of two values as they are on the stack: unsigned, and the same signed. */
type Operation = (a: bigint, b: bigint, signedA: bigint, signedB: bigint) => bigint | undefined;

const BINARY = new Map<number, Operation>([
  [OP.and, (a, b) => a & b],
  [OP.div, (_a, _b, a, b) => (b === 0n ? undefined : a / b)],
  [OP.minus, (a, b) => a - b],
  [OP.mod, (a, b) => (b === 0n ? undefined : a % b)],
  [OP.mul, (a, b) => a * b],
  [OP.or, (a, b) => a | b],
  [OP.plus, (a, b) => a + b],
  [OP.shl, (a, b) => (b > 63n ? 0n : a << b)],
  [OP.shr, (a, b) => (b > 63n ? 0n : a >> b)],
  [OP.shra, (_a, b, a) => a >> (b > 63n ? 63n : b)],
  [OP.xor, (a, b) => a ^ b],
  [OP.eq, (a, b) => (a === b ? 1n : 0n)],
  [OP.ne, (a, b) => (a === b ? 0n : 1n)],
  [OP.ge, (_a, _b, a, b) => (a >= b ? 1n : 0n)],
  [OP.gt, (_a, _b, a, b) => (a > b ? 1n : 0n)],
  [OP.le, (_a, _b, a, b) => (a <= b ? 1n : 0n)],
  [OP.lt, (_a, _b, a, b) => (a < b ? 1n : 0n)],
]);

/**
 * The value of a DWARF expression.
 * @param initial what is on the stack before
 * @returns undefined when it asks for what is not known, or is none
 */
export function evaluate(
  bytes: Buffer,
  wordBytes: 4 | 8,
  registers: readonly (bigint | undefined)[],
  memory: ReadMemory,
  initial: readonly bigint[] = [],
): bigint | undefined {
  const bits = wordBytes * 8;
  const c = new ByteCursor(bytes, 0n, wordBytes);
  const stack = [...initial];
  /** Something was used that is not there. */
  const lacks = { any: false };
  const push = (value: bigint | undefined) => {
    if (value === undefined || stack.length >= MAX_STACK) lacks.any = true;
    else stack.push(BigInt.asUintN(bits, value));
  };
  const pop = (): bigint => {
    const value = stack.pop();
    if (value === undefined) lacks.any = true;
    return value ?? 0n;
  };
  const based = (register: number) => {
    const offset = c.sleb();
    const value = registers[register];
    push(value === undefined ? undefined : value + offset);
  };
  const jump = (distance: number) => {
    if (c.at + distance < 0) lacks.any = true;
    else c.at += distance;
  };
  const operands: ReadonlyMap<number, () => bigint | number> = new Map([
    [OP.addr, c.word], [OP.const1u, c.u8], [OP.const1s, c.s8], [OP.const2u, c.u16], [OP.const2s, c.s16],
    [OP.const4u, c.u32], [OP.const4s, c.s32], [OP.const8u, c.u64], [OP.const8s, c.s64], [OP.constu, c.uleb],
    [OP.consts, c.sleb],
  ] as [number, () => bigint | number][]); // prettier-ignore
  for (let steps = 0; !c.isAtEnd; steps++) {
    if (steps >= MAX_STEPS) return undefined;
    const op = c.u8();
    const constant = operands.get(op);
    const binary = BINARY.get(op);
    if (constant) push(BigInt(constant()));
    else if (binary) {
      const b = pop();
      const a = pop();
      push(binary(a, b, BigInt.asIntN(bits, a), BigInt.asIntN(bits, b)));
    } else if (op >= OP.lit0 && op <= OP.lit31) push(BigInt(op - OP.lit0));
    else if (op >= OP.breg0 && op <= OP.breg31) based(op - OP.breg0);
    else if (op === OP.bregx) based(c.number());
    else if (op === OP.deref) push(readWord(memory, pop(), wordBytes));
    else if (op === OP.derefSize) {
      const size = c.u8();
      const read = memory(pop(), Math.min(size, wordBytes));
      push(size >= 1 && size <= 6 && read.length === size ? BigInt(read.readUIntLE(0, size)) : undefined);
    } else if (op === OP.plusUconst) push(pop() + c.uleb());
    else if (op === OP.dup) push(stack.at(-1));
    else if (op === OP.drop) pop();
    else if (op === OP.over) push(stack.at(-2));
    else if (op === OP.pick) push(stack.at(-1 - c.u8()));
    else if (op === OP.swap || op === OP.rot) {
      const top = pop();
      const rest = op === OP.swap ? [pop()] : [pop(), pop()].reverse();
      for (const value of [top, ...rest]) push(value);
    } else if (op === OP.neg) push(-pop());
    else if (op === OP.not) push(~pop());
    else if (op === OP.abs) {
      const value = BigInt.asIntN(bits, pop());
      push(value < 0n ? -value : value);
    } else if (op === OP.skip) jump(c.s16());
    else if (op === OP.bra) {
      const distance = c.s16();
      if (pop() !== 0n) jump(distance);
    } else if (op !== OP.nop) return undefined;
    if (lacks.any || c.isCut) return undefined;
  }
  return stack.at(-1);
}
