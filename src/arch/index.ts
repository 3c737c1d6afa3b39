/** The one door to what depends on the processor: docs/arm64.md says what a second one has to bring. */
import { x86_64 } from './x86_64/index.js';

export type { Arch, ExecMapping, Gadgets, Regs, RegistersOfImage } from './arch.js';
export type { AnySyscallName, SyscallName } from './x86_64/syscalls.js';

/** Elsewhere nothing is dumped or restored, and images are those of this one. */
export const {
  MTYPE,
  AUDIT_ARCH,
  SYSCALLS,
  SYSCALL_INSTRUCTION_BYTES,
  TASK_SIZE,
  REDZONE,
  RESTORER_CODE,
  NR_REGS,
  REG,
  ARGUMENTS,
  leaveCall,
  setCall,
  setBlobEntry,
  isNative,
  findGadgets,
  frameBytes,
  buildFrame,
  hasTiles,
  tlsOf,
  coreOf,
  registersOf,
  cpuinfoOf,
} = x86_64;
