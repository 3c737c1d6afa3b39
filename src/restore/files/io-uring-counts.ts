import { CritError } from '../../image/errors.js';
import type { IoUringFileEntry } from '../../image/generated/messages.js';
import { fdInfoValue, readFdInfo } from '../../kernel/proc/fdinfo.js';
import * as U from '../../kernel/uapi/io-uring.js';
import { MAP_SHARED, PROT_READ, PROT_WRITE } from '../../kernel/uapi/mman.js';
import type { Batch } from '../../task/batch.js';
import { ownBatch } from '../../task/own.js';

/** Submissions of one batch: three operations each. */
const ROUNDS_AT_ONCE = 256;
/** The kernel's counts are what they were. */
export function checkCounts(id: number, { sq_head, cq_tail }: IoUringFileEntry, fd: number): void {
  const info = readFdInfo(process.pid, fd);
  const head = fdInfoValue(info, 'CachedSqHead');
  const tail = fdInfoValue(info, 'CachedCqTail');
  if (Number(head) !== sq_head || Number(tail) !== cq_tail)
    throw new CritError(
      `the io_uring of file ${id} cannot be brought to ${sq_head} submissions and ${cq_tail} completions: it is at ${head} and ${tail}`,
      { code: 'UNSUPPORTED' },
    );
}

export const ringsBytesOf = ({ array_offset, sq_entries, cq_entries, setup }: IoUringFileEntry) =>
  U.ringsBytes(array_offset, sq_entries, cq_entries, setup);

/**
 * Brings the kernel's counts of submissions and completions to where they were, by requests that do nothing: new memory is
 * one of these wherever the kernel looks. Runs the batch.
 * @returns how many completions there are now
 */
export function advance(b: Batch, slot: number, entry: IoUringFileEntry): number {
  const { sq_entries, cq_entries, setup, sq_head, cq_tail, drain_disabled } = entry;
  if (sq_head === 0) return 0;
  const ringBytes = ringsBytesOf(entry);
  const sqeBytes = U.sqesBytes(sq_entries, setup);
  b.reserve(2, 64);
  const rings = b.call('mmap', 0, ringBytes, PROT_READ | PROT_WRITE, MAP_SHARED, slot, U.IORING_OFF_SQ_RING);
  const sqes = b.call('mmap', 0, sqeBytes, PROT_READ | PROT_WRITE, MAP_SHARED, slot, U.IORING_OFF_SQES);
  b.run();
  const at = rings.value;
  const stride = setup & U.IORING_SETUP_SQE128 ? 2 * U.SQE_BYTES : U.SQE_BYTES;
  const silent = drain_disabled ? Math.max(1, (sq_head - cq_tail) | 0) : 0;
  let tail = 0;
  const submit = (count: number) => {
    for (let left = count; left > 0;) {
      for (let round = 0; round < ROUNDS_AT_ONCE && left > 0; round++) {
        const n = Math.min(left, sq_entries, cq_entries);
        tail = (tail + n) >>> 0;
        b.reserve(3, 16);
        b.call('copy', at + U.RINGS.sqTail, new Uint8Array(Uint32Array.of(tail).buffer), 4);
        b.call('io_uring_enter', slot, n, 0, 0, null, 0);
        b.call('copy', at + U.RINGS.cqHead, at + U.RINGS.cqTail, 4);
        left -= n;
      }
      b.run();
    }
  };
  const flag = (flags: number) => {
    for (let i = 0; i < sq_entries; i++) b.call('copy', sqes.value + i * stride + U.SQE.flags, Uint8Array.of(flags), 1);
  };
  if (silent > 0) {
    // from then on IOSQE_IO_DRAIN is refused
    flag(U.IOSQE_CQE_SKIP_SUCCESS);
    submit(silent);
    flag(0);
  }
  submit(sq_head - silent);
  b.call('munmap', at, ringBytes);
  b.call('munmap', sqes.value, sqeBytes);
  return sq_head - silent;
}

/**
 * Makes completions without submissions: messages from a ring of crit's own. (The end of a ring interrupts who has made it.)
 * @param fd crit's own descriptor of the ring
 */
export function tell(b: Batch, slot: number, fd: number, count: number, ringBytes: number): void {
  const entries = 32;
  const own = ownBatch();
  const from = own.call('io_uring_setup', entries, new Uint8Array(U.PARAMS_BYTES));
  own.run();
  const bytes = U.ringsBytes(U.RINGS.cqes + 2 * entries * U.CQE_BYTES, entries, 2 * entries, 0);
  const map = (of: number, size: number, at: number) => {
    const mapped = own.call('mmap', 0, size, PROT_READ | PROT_WRITE, MAP_SHARED, of, at);
    own.run();
    return mapped.value;
  };
  const rings = map(from.value, bytes, U.IORING_OFF_SQ_RING);
  const sqes = map(from.value, entries * U.SQE_BYTES, U.IORING_OFF_SQES);
  const target = map(fd, ringBytes, U.IORING_OFF_SQ_RING);
  try {
    const message = new DataView(new ArrayBuffer(U.SQE_BYTES));
    message.setUint8(U.SQE.opcode, U.IORING_OP_MSG_RING);
    message.setUint32(U.SQE.fd, fd, true);
    for (let i = 0; i < entries; i++)
      own.call('copy', sqes + i * U.SQE_BYTES, new Uint8Array(message.buffer), U.SQE_BYTES);
    let tail = 0;
    for (let left = count; left > 0;) {
      const n = Math.min(left, entries, 8);
      tail += n;
      own.call('copy', rings + U.RINGS.sqTail, new Uint8Array(Uint32Array.of(tail).buffer), 4);
      own.call('io_uring_enter', from.value, n, 0, 0, null, 0);
      own.call('copy', rings + U.RINGS.cqHead, rings + U.RINGS.cqTail, 4);
      own.run();
      // where only the ring's own thread may put them there
      b.call('io_uring_enter', slot, 0, 0, U.IORING_ENTER_GETEVENTS, null, 0);
      b.run();
      own.call('copy', target + U.RINGS.cqHead, target + U.RINGS.cqTail, 4);
      own.run();
      left -= n;
    }
  } finally {
    own.call('munmap', rings, bytes);
    own.call('munmap', sqes, entries * U.SQE_BYTES);
    own.call('munmap', target, ringBytes);
    own.call('close', from.value);
    own.run();
  }
}
