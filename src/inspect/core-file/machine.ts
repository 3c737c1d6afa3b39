import { CritError } from '../../image/errors.js';
import { CoreEntryMarch, type CoreEntry } from '../../image/generated/messages.js';
import * as x86 from './x86-64.js';

/** What depends on the processor: each has a module like x86-64.ts. */
export type Machine = typeof x86;

const MACHINES = new Map<number, Machine>([[CoreEntryMarch.X86_64, x86]]);

/** The processor of a thread. @throws CritError UNSUPPORTED that names it */
export function machineOf({ mtype }: CoreEntry): Machine {
  const found = MACHINES.get(mtype);
  if (found) return found;
  const name = Object.entries(CoreEntryMarch).find(([, number]) => number === mtype)?.[0] ?? String(mtype);
  throw new CritError(`the images are of a machine of type ${name}: core files are made of X86_64 only`, {
    code: 'UNSUPPORTED',
  });
}
