import type { ImageMachine, MachineFrame } from '../../arch/images.js';
import { evaluate } from './expression.js';
import type { FrameEntry } from './frame-entry.js';
import { rulesAt, type CfaRule, type RegisterRule } from './frame-rules.js';
import { readWord, type ReadMemory } from './pointer.js';

/** A caller, or in words why there is none that can be found; '' at the end of the stack. */
export type Caller = MachineFrame | string;

/** Bits of an address. */
const trim = (machine: ImageMachine, value: bigint): bigint => BigInt.asUintN(machine.wordBytes * 8, value);

/** Registers, and the address of the instruction under its number. */
function withInstruction({ dwarf }: ImageMachine, pc: bigint, values: (bigint | undefined)[]): MachineFrame {
  if (dwarf.instruction !== undefined) values[dwarf.instruction] = pc;
  return { pc, registers: values };
}

/** The caller of a frame by what .eh_frame says of the frame's function. @param address where in the function it is */
export function callerByRules(
  machine: ImageMachine,
  entry: FrameEntry,
  frame: MachineFrame,
  address: bigint,
  memory: ReadMemory,
): Caller {
  const { dwarf, wordBytes } = machine;
  const rules = rulesAt(entry, address);
  if (!rules) return 'its entry in .eh_frame cannot be followed';
  const frameAddress = canonical(machine, rules.cfa, frame, memory);
  if (frameAddress === undefined) return 'where its frame begins is not known';
  const valueOf = (rule: RegisterRule, register: number): bigint | undefined => {
    switch (rule.kind) {
      case 'undefined':
        return undefined;
      case 'same':
        return frame.registers[register];
      case 'register':
        return frame.registers[rule.register];
      case 'offset':
        return readWord(memory, trim(machine, frameAddress + rule.offset), wordBytes);
      case 'value-offset':
        return trim(machine, frameAddress + rule.offset);
      case 'expression': {
        const place = evaluate(rule.bytes, wordBytes, frame.registers, memory, [frameAddress]);
        return place === undefined ? undefined : readWord(memory, place, wordBytes);
      }
      case 'value-expression':
        return evaluate(rule.bytes, wordBytes, frame.registers, memory, [frameAddress]);
    }
  };
  const values = frame.registers.map((value, register) => {
    const rule = rules.registers.get(register);
    if (rule) return valueOf(rule, register);
    if (register === dwarf.stackPointer) return frameAddress;
    return dwarf.scratch.includes(register) ? undefined : value;
  });
  const back = rules.registers.get(entry.returnRegister);
  if (back?.kind === 'undefined') return '';
  if (!back && entry.returnRegister !== dwarf.link) return 'its entry in .eh_frame does not say where it returns to';
  const value = back ? valueOf(back, entry.returnRegister) : frame.registers[entry.returnRegister];
  if (value === undefined) return 'the memory that says where it returns to is not at hand';
  return withInstruction(machine, rules.isSigned ? machine.plainAddress(value) : value, values);
}

function canonical(machine: ImageMachine, rule: CfaRule, { registers }: MachineFrame, memory: ReadMemory) {
  if (!rule) return undefined;
  if ('expression' in rule) return evaluate(rule.expression, machine.wordBytes, registers, memory);
  const base = registers[rule.register];
  return base === undefined ? undefined : trim(machine, base + rule.offset);
}

/** The caller of a frame whose frame pointer points to the caller's, with the return address behind it. */
export function callerByFramePointer(machine: ImageMachine, frame: MachineFrame, memory: ReadMemory): Caller {
  const { dwarf, wordBytes, frameRecordBytes } = machine;
  const at = frame.registers[dwarf.framePointer];
  const sp = frame.registers[dwarf.stackPointer];
  if (at === 0n) return '';
  if (at === undefined || at % BigInt(wordBytes) !== 0n || (sp !== undefined && at < sp))
    return 'it keeps no frame pointer';
  const before = readWord(memory, at, wordBytes);
  const back = readWord(memory, at + BigInt(wordBytes), wordBytes);
  if (before === undefined || back === undefined) return 'its frame pointer leads to memory that is not at hand';
  const values = frame.registers.map((): bigint | undefined => undefined);
  values[dwarf.framePointer] = before;
  if (frameRecordBytes !== undefined) values[dwarf.stackPointer] = at + BigInt(frameRecordBytes);
  const pc = machine.plainAddress(back);
  const code = memory(pc - 8n, 8);
  if (pc !== 0n && code.length === 8 && !machine.endsWithCall(code)) return 'it keeps no frame pointer';
  return withInstruction(machine, pc, values);
}

/** What was interrupted by a signal, when the frame is that of the kernel's code or the C library's that ends a handler. */
export function interruptedBySignal(
  machine: ImageMachine,
  frame: MachineFrame,
  memory: ReadMemory,
): MachineFrame | undefined {
  const { signalReturn, dwarf, wordBytes } = machine;
  const sp = frame.registers[dwarf.stackPointer];
  if (!signalReturn || sp === undefined) return undefined;
  if (!memory(frame.pc, signalReturn.code.length).equals(Buffer.from(signalReturn.code))) return undefined;
  const pc = readWord(memory, sp + BigInt(signalReturn.pc), wordBytes);
  if (pc === undefined) return undefined;
  const values = frame.registers.map((_, register) => {
    const offset = signalReturn.registers.get(register);
    return offset === undefined ? undefined : readWord(memory, sp + BigInt(offset), wordBytes);
  });
  return withInstruction(machine, pc, values);
}
