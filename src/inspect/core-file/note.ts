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
