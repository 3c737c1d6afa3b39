import * as arch from '../arch/index.js';
import type { Messages } from '../image/generated/messages.js';
import { addon } from '../native/addon.js';
import { regsFromImage, type WakeUp } from '../task/restart.js';

/** What a thread wakes up with. */
export interface Registers extends WakeUp {
  /** Makes its XSAVE image out of the one that a puppet has. */
  xstate: (template: Uint8Array) => Uint8Array;
  sigmask: bigint;
}

/** The registers of a core image. @param file its name, for errors. @throws CritError BAD_IMAGE, UNSUPPORTED */
export function registersOf(core: Messages['core_entry'], file: string): Registers {
  const { regs, restartError, timeLeftNs, xstate } = arch.registersOf(core, file, (leaf, sub) =>
    addon().cpuid(leaf, sub),
  );
  return {
    ...regsFromImage(regs, restartError, timeLeftNs),
    xstate,
    sigmask: core.tc ? core.tc.blk_sigset : (core.thread_core?.blk_sigset ?? 0n),
  };
}
