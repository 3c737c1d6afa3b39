import { CritError } from '../../image/errors.js';
import type { EditedSet } from '../edited-set.js';

export const badChange = (text: string): CritError => new CritError(text, { code: 'BAD_ARGUMENT' });

/** Parts `A=B`. @param form how it should be, for the error */
export function parts(text: string, form: string): [left: string, right: string] {
  const equals = text.indexOf('=');
  if (equals < 1) throw badChange(`${JSON.stringify(text)}: a change of this kind goes ${form}`);
  return [text.slice(0, equals), text.slice(equals + 1)];
}

/** A number of at most 64 bits, decimal or with 0x. */
export function number(text: string, what: string, max = 2n ** 64n - 1n): bigint {
  if (/^(\d+|0x[0-9a-f]+)$/i.test(text) && BigInt(text) <= max) return BigInt(text);
  throw badChange(`${JSON.stringify(text)} is no ${what}: it is a number up to ${max}`);
}

export const small = (text: string, what: string, max = 0xffffffff): number => Number(number(text, what, BigInt(max)));

/** A process of the set, by pid. */
export function processOf(set: EditedSet, text: string): number {
  const pid = small(text, 'pid', 0x7fffffff);
  if (!set.look('PSTREE')?.entries.some(({ message }) => message.pid === pid))
    throw badChange(`the set has no process ${pid}`);
  return pid;
}

/** A thread of the set, by tid. */
export function threadOf(set: EditedSet, text: string): number {
  const tid = small(text, 'thread id', 0x7fffffff);
  if (!set.has('CORE', tid)) throw badChange(`the set has no thread ${tid}`);
  return tid;
}

/** All changes of a kind must find something: one that finds nothing is a slip. */
export function sum(changes: Iterable<number>, what: string): number {
  let all = 0;
  for (const some of changes) all += some;
  if (all === 0) throw badChange(`nothing in the set has ${what}: nothing to change`);
  return all;
}
