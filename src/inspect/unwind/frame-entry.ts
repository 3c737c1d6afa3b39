import { ByteCursor } from './byte-cursor.js';
import { encodedPointer, plainPointer, type ReadMemory } from './pointer.js';

/** What .eh_frame says of the functions in a range of addresses: an FDE with its CIE. */
export interface FrameEntry {
  readonly start: bigint;
  readonly end: bigint;
  readonly codeAlign: bigint;
  readonly dataAlign: bigint;
  /** The register that stands for the return address. */
  readonly returnRegister: number;
  /** The kernel made the frame: its caller was interrupted, it did not call. */
  readonly isSignalFrame: boolean;
  readonly wordBytes: 4 | 8;
  /** Instructions of the CIE, and of the FDE. */
  readonly common: Buffer;
  readonly own: Buffer;
}

/** Longer entries are none: those of functions with a hundred thousand instructions have a few KiB. */
const MAX_ENTRY_BYTES = 1 << 16;
const LONG_LENGTH = 0xffff_ffff;

/** Where an entry is, and what is behind it. */
interface Piece {
  readonly cursor: ByteCursor;
  readonly next: bigint;
}

/** The bytes of an entry behind its length. @returns undefined at the end of the section */
function pieceAt(address: bigint, wordBytes: 4 | 8, memory: ReadMemory): Piece | undefined {
  const head = new ByteCursor(memory(address, 12), address, wordBytes);
  const short = head.u32();
  if (short === 0) return undefined;
  const length = short === LONG_LENGTH ? Number(head.u64()) : short;
  if (length > MAX_ENTRY_BYTES || head.isCut) return undefined;
  const bytes = memory(head.address, length);
  if (bytes.length < length) return undefined;
  return { cursor: new ByteCursor(bytes, head.address, wordBytes), next: head.address + BigInt(length) };
}

interface Cie extends Pick<FrameEntry, 'codeAlign' | 'dataAlign' | 'returnRegister' | 'isSignalFrame' | 'common'> {
  readonly pointers: number;
  readonly isAugmented: boolean;
}

function cieAt(address: bigint, wordBytes: 4 | 8, memory: ReadMemory): Cie | undefined {
  const cursor = pieceAt(address, wordBytes, memory)?.cursor;
  if (!cursor || cursor.u32() !== 0) return undefined;
  const version = cursor.u8();
  const letters = cursor.text();
  if (version === 4) cursor.block(2);
  const codeAlign = cursor.uleb();
  const dataAlign = cursor.sleb();
  const returnRegister = version === 1 ? cursor.u8() : cursor.number();
  let pointers = 0;
  let isSignalFrame = false;
  const isAugmented = letters.startsWith('z');
  if (!isAugmented && letters !== '') return undefined;
  if (isAugmented) {
    const end = cursor.number() + cursor.at;
    for (const letter of letters.slice(1)) {
      if (letter === 'R') pointers = cursor.u8();
      else if (letter === 'L') cursor.u8();
      else if (letter === 'P') plainPointer(cursor, cursor.u8());
      else if (letter === 'S') isSignalFrame = true;
      // B: return addresses are signed with key B; G: memory tagging
      else if (letter !== 'B' && letter !== 'G') break;
    }
    if (cursor.at > end) return undefined;
    cursor.block(end - cursor.at);
  }
  if (cursor.isCut) return undefined;
  const common = cursor.block(MAX_ENTRY_BYTES);
  return { codeAlign, dataAlign, returnRegister, isSignalFrame, common, pointers, isAugmented };
}

/**
 * Reads the entry at an address.
 * @returns the entry if it is an FDE that can be read, and where the next one is; undefined at the end
 */
export function frameEntryAt(
  address: bigint,
  wordBytes: 4 | 8,
  data: bigint,
  memory: ReadMemory,
): { readonly entry: FrameEntry | undefined; readonly next: bigint } | undefined {
  const piece = pieceAt(address, wordBytes, memory);
  if (!piece) return undefined;
  const { cursor, next } = piece;
  const back = cursor.address;
  const distance = cursor.u32();
  const cie = distance === 0 ? undefined : cieAt(back - BigInt(distance), wordBytes, memory);
  const start = cie && encodedPointer(cursor, cie.pointers, data, memory);
  const size = cie && plainPointer(cursor, cie.pointers);
  if (!cie || start === undefined || size === undefined) return { entry: undefined, next };
  if (cie.isAugmented) cursor.block(cursor.number());
  if (cursor.isCut) return { entry: undefined, next };
  const own = cursor.block(MAX_ENTRY_BYTES);
  return { entry: { ...cie, start, end: start + BigInt.asUintN(wordBytes * 8, size), wordBytes, own }, next };
}
