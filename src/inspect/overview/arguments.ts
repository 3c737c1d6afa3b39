import type { MmEntry } from '../../image/generated/messages.js';
import type { AddressSpace } from '../address-space/address-space.js';

/** More arguments or variables are cut off: a forged image says anything. */
const MAX_BYTES = 1 << 20;

/** Arguments are short, and there may be thousands of processes. */
const PIECE_BYTES = 16 << 10;

type OnProblem = (line: string) => void;

function strings(
  space: AddressSpace,
  what: string,
  [start, end]: readonly [bigint, bigint],
  onProblem: OnProblem,
): readonly string[] | undefined {
  if (end <= start) return [];
  const length = end - start < BigInt(MAX_BYTES) ? Number(end - start) : MAX_BYTES;
  const parts: Buffer[] = [];
  for (const piece of space.pieces(start, start + BigInt(length), { sizeBytes: PIECE_BYTES })) {
    if (piece.kind === 'none') {
      onProblem(`the ${what} of process ${space.pid} cannot be read: ${piece.reason}`);
      break;
    }
    parts.push(piece.kind === 'zero' ? Buffer.alloc(Number(piece.end - piece.start)) : Buffer.from(piece.bytes));
  }
  const bytes = Buffer.concat(parts);
  if (bytes.length === 0) return undefined;
  const words = bytes.toString('utf8').split('\0');
  // each one ends with a NUL
  if (words.at(-1) === '') words.pop();
  return words;
}

/** The arguments of a process, from its memory; undefined when that is not in the images. */
export const cmdlineOf = (space: AddressSpace, { mm_arg_start, mm_arg_end }: MmEntry, onProblem: OnProblem) =>
  strings(space, 'arguments', [mm_arg_start, mm_arg_end], onProblem);

/** Its environment, as it was at exec unless it was changed in place: NAME=value. */
export const environmentOf = (space: AddressSpace, { mm_env_start, mm_env_end }: MmEntry, onProblem: OnProblem) =>
  strings(space, 'environment', [mm_env_start, mm_env_end], onProblem);
