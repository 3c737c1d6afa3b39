import type { RegisterNote } from '../../arch/images.js';
import { NT_386_TLS, NT_PRFPREG, NT_PRSTATUS, NT_X86_XSTATE } from '../../kernel/uapi/ptrace.js';

/** A piece of a core file's PT_NOTE (elf(5)): header, name and content, each to a multiple of 4 bytes. */
export function note(type: number, content: Uint8Array, name = 'CORE'): Buffer {
  const nameBytes = Buffer.from(`${name}\0`);
  const align = (size: number) => (size + 3) & ~3;
  const out = Buffer.alloc(12 + align(nameBytes.length) + align(content.length));
  out.writeUInt32LE(nameBytes.length, 0);
  out.writeUInt32LE(content.length, 4);
  out.writeUInt32LE(type, 8);
  nameBytes.copy(out, 12);
  out.set(content, 12 + align(nameBytes.length));
  return out;
}

// linux/elf.h: notes of core files.
export const NT_PRPSINFO = 3;
export const NT_AUXV = 6;
export const NT_SIGINFO = 0x53494749;
export const NT_FILE = 0x46494c45;
const NT_PRXFPREG = 0x46e62b7f;
const NT_ARM_TLS = 0x401;

const REGISTER_NOTES: Readonly<Record<RegisterNote, readonly [type: number, name: string]>> = {
  PRSTATUS: [NT_PRSTATUS, 'CORE'],
  PRFPREG: [NT_PRFPREG, 'CORE'],
  PRXFPREG: [NT_PRXFPREG, 'LINUX'],
  X86_XSTATE: [NT_X86_XSTATE, 'LINUX'],
  '386_TLS': [NT_386_TLS, 'LINUX'],
  ARM_TLS: [NT_ARM_TLS, 'LINUX'],
};

/** A note with registers. */
export const registerNote = (kind: RegisterNote, content: Uint8Array): Buffer => {
  const [type, name] = REGISTER_NOTES[kind];
  return note(type, content, name);
};
