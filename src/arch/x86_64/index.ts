import { CoreEntryMarch } from '../../image/generated/messages.js';
import type { Arch } from '../arch.js';
import { isNative, leaveCall, setBlobEntry, setCall } from './calls.js';
import { cpuinfoOf } from './cpuinfo.js';
import { registersOf } from './from-image.js';
import { findGadgets, RESTORER_CODE } from './gadgets.js';
import { ARGUMENTS, NR_REGS, REDZONE, REG, SYSCALL_INSTRUCTION_BYTES, TASK_SIZE } from './registers.js';
import { buildFrame, frameBytes } from './sigframe.js';
import { SYSCALLS } from './syscalls.js';
import { tlsOf } from './tls.js';
import { coreOf } from './to-image.js';
import { hasTiles } from './xstate.js';

export const x86_64: Arch = {
  MTYPE: CoreEntryMarch.X86_64,
  AUDIT_ARCH: 0xc000003e,
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
};
