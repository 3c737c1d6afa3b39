import type { EditedSet } from '../edited-set.js';
import type { MemoryEdits } from '../memory/memory-edits.js';
import { findPlace } from '../../inspect/address-space/place.js';
import { addVariable, ARGUMENTS, changeString, ENVIRONMENT, stringsOf, type Strings } from '../memory/strings.js';
import { badChange, number, parts, processOf, small } from './spec.js';

const WIDTHS: Readonly<Record<string, number>> = { u8: 1, u16: 2, u32: 4, u64: 8 };

/** `hex:0a1b`, `text:hello`, `u8:`, `u16:`, `u32:`, `u64:` and a number, which stands there little endian. */
function bytesOf(text: string): Uint8Array {
  const [, kind = '', value = ''] = /^([a-z0-9]+):(.*)$/s.exec(text) ?? [];
  const width = WIDTHS[kind];
  if (width !== undefined) {
    const bytes = Buffer.alloc(8);
    bytes.writeBigUInt64LE(number(value, `number of ${width} bytes`, 2n ** BigInt(8 * width) - 1n));
    return bytes.subarray(0, width);
  }
  if (kind === 'hex' && /^([0-9a-f]{2})+$/i.test(value)) return Buffer.from(value, 'hex');
  if (kind === 'text' && value !== '') return Buffer.from(value);
  throw badChange(`${JSON.stringify(text)} is no value: hex:BYTES, text:TEXT, or u8:, u16:, u32:, u64: and a number`);
}

/** An address, or what findPlace knows: it begins there, and may have an end. */
function placeOf(edits: MemoryEdits, pid: number, text: string): { start: bigint; end?: bigint | undefined } {
  if (/^(0x[0-9a-f]+|\d+)$/i.test(text)) return { start: number(text, 'address', 2n ** 63n - 1n) };
  const place = findPlace(edits.space(pid), text);
  return 'start' in place ? place : place[0]!;
}

/** `PID:PLACE=VALUE` */
export function changeMemory(set: EditedSet, edits: MemoryEdits, text: string): string {
  const [where, value] = parts(text, 'PID:PLACE=VALUE');
  const [, who = '', at = ''] = /^([^:]*):?(.*)$/s.exec(where)!;
  const pid = processOf(set, who);
  const { start, end } = placeOf(edits, pid, at);
  const bytes = bytesOf(value);
  if (end !== undefined && BigInt(bytes.length) > end - start)
    throw badChange(`${at} of process ${pid} has ${end - start} bytes, ${bytes.length} do not fit there`);
  edits.write(pid, start, bytes);
  return `process ${pid} has ${bytes.length} bytes of ${value.slice(0, value.indexOf(':'))} at 0x${start.toString(16)}`;
}

function change(set: EditedSet, edits: MemoryEdits, pid: number, kind: Strings, index: number, value: string): string {
  const changed = changeString(set, edits, pid, kind, index, value);
  return changed === 0
    ? 'it fits where it stood'
    : `it stands in a new mapping, and ${changed} ${changed === 1 ? 'pointer leads' : 'pointers lead'} there`;
}

/** `PID:NAME=VALUE`: a variable of the environment that the program was started with, or a new one. */
export function changeEnvironment(set: EditedSet, edits: MemoryEdits, text: string): string {
  const [, who = '', name = '', value = ''] = /^(\d+):([^=]+)=(.*)$/s.exec(text) ?? [];
  if (name === '') throw badChange(`${JSON.stringify(text)}: a change of this kind goes PID:NAME=VALUE`);
  const pid = processOf(set, who);
  const index = stringsOf(edits, pid, ENVIRONMENT).findIndex((one) => one.text.startsWith(`${name}=`));
  if (index < 0) {
    const pointers = addVariable(set, edits, pid, `${name}=${value}`);
    return `process ${pid} has the variable ${name}, ${value}: ${pointers} ${pointers === 1 ? 'pointer leads' : 'pointers lead'} to a new list of variables`;
  }
  return `${name} of process ${pid} is ${value}: ${change(set, edits, pid, ENVIRONMENT, index, `${name}=${value}`)}`;
}

/** `PID:N=TEXT`: an argument, from 0, which is the name that the program was called by. */
export function changeArgument(set: EditedSet, edits: MemoryEdits, text: string): string {
  const [where, value] = parts(text, 'PID:N=TEXT');
  const [who = '', n = ''] = where.split(':');
  const pid = processOf(set, who);
  const index = small(n, 'number of an argument', 0x7fffffff);
  const all = stringsOf(edits, pid, ARGUMENTS);
  if (index >= all.length) throw badChange(`process ${pid} has ${all.length} arguments, from 0 on`);
  return `argument ${index} of process ${pid} is ${value}: ${change(set, edits, pid, ARGUMENTS, index, value)}`;
}
