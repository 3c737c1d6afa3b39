import type { ByteCursor } from './byte-cursor.js';

/** Reads a task's memory. @returns fewer bytes where they are not at hand */
export type ReadMemory = (address: bigint, length: number) => Buffer;

/** DW_EH_PE_*: how pointers in .eh_frame are written (Linux Standard Base, core, 10.5.1). */
export const DW_EH_PE = {
  omit: 0xff,
  format: 0x0f,
  from: 0x70,
  pcrel: 0x10,
  datarel: 0x30,
  indirect: 0x80,
  sdata4: 0x0b,
};

/** A value of a pointer's format, without what it is relative to. */
export function plainPointer(cursor: ByteCursor, encoding: number): bigint | undefined {
  switch (encoding & DW_EH_PE.format) {
    case 0x00:
      return cursor.word();
    case 0x01:
      return cursor.uleb();
    case 0x02:
      return BigInt(cursor.u16());
    case 0x03:
      return BigInt(cursor.u32());
    case 0x04:
      return cursor.u64();
    case 0x09:
      return cursor.sleb();
    case 0x0a:
      return BigInt(cursor.s16());
    case 0x0b:
      return BigInt(cursor.s32());
    case 0x0c:
      return cursor.s64();
    default:
      return undefined;
  }
}

/**
 * Reads an encoded pointer.
 * @param data what `datarel` counts from
 * @returns undefined for one that no linker of user programs writes, or whose memory is not at hand
 */
export function encodedPointer(
  cursor: ByteCursor,
  encoding: number,
  data: bigint,
  memory: ReadMemory,
): bigint | undefined {
  if (encoding === DW_EH_PE.omit) return undefined;
  const from = encoding & DW_EH_PE.from;
  const base =
    from === 0 ? 0n : from === DW_EH_PE.pcrel ? cursor.address : from === DW_EH_PE.datarel ? data : undefined;
  const plain = plainPointer(cursor, encoding);
  if (base === undefined || plain === undefined || cursor.isCut) return undefined;
  const bits = cursor.wordBytes * 8;
  const pointer = BigInt.asUintN(bits, base + plain);
  return encoding & DW_EH_PE.indirect ? readWord(memory, pointer, cursor.wordBytes) : pointer;
}

export function readWord(memory: ReadMemory, address: bigint, wordBytes: number): bigint | undefined {
  const bytes = memory(address, wordBytes);
  if (bytes.length < wordBytes) return undefined;
  return wordBytes === 8 ? bytes.readBigUInt64LE() : BigInt(bytes.readUInt32LE());
}
