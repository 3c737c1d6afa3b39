import type { IoUringFileEntry } from './generated/messages.js';

/** IORING_MAX_ENTRIES, IORING_MAX_CQ_ENTRIES of the kernel */
const MOST_SUBMISSIONS = 32768;
const MOST_COMPLETIONS = 65536;
/** Entries of a table of files or buffers. */
const MOST_SLOTS = 1 << 20;
const MOST_SQE_BYTES = 128;
const MOST_CQE_BYTES = 32;
/** Of the memory of the rings: a head, and the array of indexes behind it. */
const HEAD_BYTES = 4096;

/** Times that a restore submits at most, and completions without submissions that it makes at most. */
const MOST_ROUNDS = 4_000_000;
const MOST_MESSAGES = 1 << 20;

/** Whether a ring has done more than a restore can bring the kernel's counts to. */
export function hasDoneTooMuch(
  entry: Pick<IoUringFileEntry, 'sq_entries' | 'cq_entries' | 'sq_head' | 'cq_tail'>,
): boolean {
  const { sq_entries, cq_entries, sq_head, cq_tail } = entry;
  return sq_head / Math.min(sq_entries, cq_entries) > MOST_ROUNDS || ((cq_tail - sq_head) | 0) > MOST_MESSAGES;
}

const isPower = (n: number) => n > 0 && (n & (n - 1)) === 0;

/** Why an entry is no io_uring, beginning with the field; undefined where it can be one. */
export function ioUringFault(entry: IoUringFileEntry): string | undefined {
  const { sq_entries, cq_entries, rings, sqes, array_offset, nr_files = 0, nr_buffers = 0 } = entry;
  if (!isPower(sq_entries) || sq_entries > MOST_SUBMISSIONS) return `sq_entries: ${sq_entries} is no size of a queue`;
  if (!isPower(cq_entries) || cq_entries > MOST_COMPLETIONS || cq_entries < sq_entries)
    return `cq_entries: ${cq_entries} is no size of a queue`;
  if (hasDoneTooMuch(entry))
    return `sq_head: ${entry.sq_head} and ${entry.cq_tail} are more than a restore makes again`;
  const ringBytes = HEAD_BYTES + cq_entries * MOST_CQE_BYTES + sq_entries * 4;
  if (rings.length > ringBytes) return `rings: ${rings.length} bytes are more than the queues have`;
  if (sqes.length > sq_entries * MOST_SQE_BYTES) return `sqes: ${sqes.length} bytes are more than the queue has`;
  if (array_offset !== undefined && array_offset > ringBytes)
    return `array_offset: 0x${array_offset.toString(16)} is none`;
  return (
    tableFault('files', nr_files, entry.files ?? [], MOST_SLOTS) ??
    tableFault('buffers', nr_buffers, entry.buffers ?? [], MOST_SLOTS)
  );
}

function tableFault(
  name: string,
  nr: number,
  slots: readonly { readonly index: number }[],
  most: number,
): string | undefined {
  if (nr > most) return `nr_${name}: ${nr} is no size of a table`;
  const seen = new Set<number>();
  for (const [i, { index }] of slots.entries()) {
    if (index >= nr) return `${name}[${i}].index: ${index} is beyond the ${nr} of the table`;
    if (seen.has(index)) return `${name}[${i}].index: ${index} is there twice`;
    seen.add(index);
  }
  return undefined;
}
