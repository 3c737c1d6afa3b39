import type { AddressSpace } from './address-space.js';

/** The kernel takes no more at exec (MAX_ARG_STRINGS apart); a program may have moved the borders. */
const MAX_BYTES = 8 << 20;

/** Bytes between two addresses. */
export interface MemoryRange {
  readonly start: bigint;
  readonly end: bigint;
}

/** Strings that end in a zero, one behind the other, with where they are. */
function strings(space: AddressSpace, start: bigint, end: bigint): (MemoryRange & { text: string })[] {
  if (end <= start) return [];
  const length = end - start > BigInt(MAX_BYTES) ? MAX_BYTES : Number(end - start);
  const { bytes } = space.read(start, length);
  const out: (MemoryRange & { text: string })[] = [];
  for (let at = 0; at < bytes.length;) {
    const zero = bytes.indexOf(0, at);
    const to = zero < 0 ? bytes.length : zero;
    out.push({ start: start + BigInt(at), end: start + BigInt(to), text: bytes.toString('utf8', at, to) });
    at = to + 1;
  }
  return out;
}

/** The arguments of a task, from its memory. Empty where that is not in the images. */
export const argumentsOf = (space: AddressSpace): string[] =>
  strings(space, space.mm.mm_arg_start, space.mm.mm_arg_end).map(({ text }) => text);

/** The environment as the task was started with it: `NAME=VALUE`, and where each stands. */
export const environmentOf = (space: AddressSpace): (MemoryRange & { readonly text: string })[] =>
  strings(space, space.mm.mm_env_start, space.mm.mm_env_end);
