/** The door to the machine that images are from: src/arch/index.ts is the one to the machine that crit runs on. */
import { CoreEntryMarch, type Messages } from '../image/generated/messages.js';
import { aarch64 } from './aarch64/image-machine.js';
import { i386 } from './i386/image-machine.js';
import type { ImageMachine } from './image-machine.js';
import { isCompat } from './x86_64/compat.js';
import { imageMachine as x86_64 } from './x86_64/image-machine.js';

export type { ImageMachine, MachineFrame, RegisterNote } from './image-machine.js';

/** The machine of a thread; undefined for one that nothing is known of. */
export function imageMachineOf(core: Messages['core_entry']): ImageMachine | undefined {
  if (core.mtype === CoreEntryMarch.AARCH64) return aarch64;
  if (core.mtype !== CoreEntryMarch.X86_64) return undefined;
  return isCompat(core.thread_info) ? i386 : x86_64;
}
