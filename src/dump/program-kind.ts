import { closeSync, openSync, readSync } from 'node:fs';

// elf(5): e_ident[EI_CLASS], e_machine.
const EI_CLASS = 4;
const ELFCLASS32 = 1;
const E_MACHINE = 18;
const EM_X86_64 = 62;
const HEAD_BYTES = 20;

/**
 * What an ELF file is that is no 64-bit program, for people; undefined for one that is, and for what is no ELF file.
 * A program of x32 has 64-bit registers and 32-bit pointers: only its file tells it from a 64-bit one.
 */
export function shortPointers(file: string): string | undefined {
  const head = Buffer.alloc(HEAD_BYTES);
  const fd = openSync(file, 'r');
  try {
    readSync(fd, head, 0, head.length, 0);
  } finally {
    closeSync(fd);
  }
  if (head.readUInt32BE(0) !== 0x7f454c46 || head[EI_CLASS] !== ELFCLASS32) return undefined;
  return head.readUInt16LE(E_MACHINE) === EM_X86_64 ? 'a program of the x32 ABI' : 'a 32-bit program (i386)';
}
