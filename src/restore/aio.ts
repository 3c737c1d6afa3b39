import { imageFileName } from '../image/catalogue.js';
import { CritError } from '../image/errors.js';
import type { MmEntry } from '../image/generated/messages.js';
import type { ImagePid } from '../image/pid.js';
import { VMA } from '../image/vma-status.js';
import {
  AIO_RING,
  AIO_RING_HEAD_BYTES,
  aioRingOf,
  IOCB,
  IOCB_BYTES,
  IOCB_CMD_PREAD,
  type AioRing,
} from '../kernel/uapi/aio.js';
import { MREMAP_FIXED, MREMAP_MAYMOVE, PROT_READ, PROT_WRITE } from '../kernel/uapi/mman.js';
import type { Batch } from '../task/batch.js';
import type { Vma } from './address-space.js';
import { restoreAffinity } from './sched.js';

/** Requests that are made at once: fewer than a context of the smallest size takes. */
const AT_ONCE = 64;
/** Contexts of a process, the places of those that are gone included. */
const MOST_CONTEXTS = 4096;
/** What sched_getaffinity(2) says of so many processors. */
const AFFINITY_BYTES = 1024;

/** A context of io_setup(2). */
export interface AioContext {
  readonly start: number;
  readonly sizeBytes: number;
  readonly prot: number;
  readonly requests: number;
  readonly ring: AioRing;
}

/**
 * The contexts of a task, in the order of their places.
 * @param peek reads the first bytes of a page of the images
 */
export function readAioContexts(
  pid: ImagePid,
  { aios = [] }: MmEntry,
  vmas: readonly Vma[],
  peek: (address: number, bytes: number) => Uint8Array | undefined,
): AioContext[] {
  const fault = (at: number | bigint, why: string) =>
    new CritError(`${imageFileName('MM', pid)}: the ring of the AIO context at 0x${at.toString(16)} ${why}`, {
      code: 'BAD_IMAGE',
    });
  const byStart = new Map(aios.map((entry) => [entry.id, entry]));
  const contexts = vmas.filter(isAioRing).map(({ start, end, entry }): AioContext => {
    const told = byStart.get(entry.start);
    byStart.delete(entry.start);
    if (told?.ring_len !== end - start) throw fault(start, 'has no row of its size in aios');
    const head = peek(start, AIO_RING_HEAD_BYTES);
    const ring = head && aioRingOf(head, end - start);
    if (!ring) throw fault(start, 'does not begin as one');
    return { start, sizeBytes: end - start, prot: entry.prot, requests: told.nr_req, ring };
  });
  for (const [start] of byStart) throw fault(start, 'is mapped nowhere');
  contexts.sort((a, b) => a.ring.id - b.ring.id);
  contexts.forEach(({ start, ring: { id } }, i) => {
    if (contexts[i - 1]?.ring.id === id) throw fault(start, `has the place ${id}, and another one too`);
    if (id >= MOST_CONTEXTS) throw fault(start, `has the place ${id}, beyond ${MOST_CONTEXTS}`);
  });
  return contexts;
}

/** Whether a mapping is to be the ring of a context; until then something else keeps its place. */
export const isAioRing = ({ entry }: Vma): boolean => (entry.status & VMA.AIORING) !== 0;

/**
 * Makes the contexts anew, each in its place in the kernel's table and at its address, and brings the kernel's own count
 * of events to where it was: by requests that do nothing. Runs the batch. A fork hands on none.
 * @param cpus where the process may run: what a context has room for is counted by each processor
 * @param fill adds the reading of a ring's pages, as the images have them, to an address
 */
export function restoreAio(
  b: Batch,
  contexts: readonly AioContext[],
  cpus: Uint8Array | undefined,
  fill: (context: AioContext, to: number) => void,
): void {
  if (contexts.length === 0) return;
  using _doing = b.doing('making the AIO contexts');
  b.run();
  const mask = b.out(AFFINITY_BYTES);
  const maskBytes = b.call('sched_getaffinity', 0, AFFINITY_BYTES, mask);
  restoreAffinity(b, cpus);
  const cpu = b.out(4);
  b.call('getcpu', cpu, null, null);
  b.run();
  const affinity = mask.bytes.slice(0, Math.min(maskBytes.value, AFFINITY_BYTES));
  b.call('sched_setaffinity', 0, AFFINITY_BYTES, onlyCpu(cpu.view.getUint32(0, true)));
  const nothing = b.call('eventfd2', 0, 0);
  b.run();
  const gaps: number[] = [];
  let place = 0;
  for (const context of contexts) {
    for (; place < context.ring.id; place++) gaps.push(setUp(b, 1));
    restoreContext(b, context, nothing.value, fill);
    place++;
  }
  for (const gap of gaps) b.call('io_destroy', gap);
  b.call('close', nothing.value);
  b.call('sched_setaffinity', 0, affinity.length, affinity);
}

/** @returns the address of a new context's ring */
function setUp(b: Batch, requests: number): number {
  b.reserve(2, 16);
  const id = b.out(8);
  b.call('io_setup', requests, id);
  b.run();
  return Number(id.view.getBigUint64(0, true));
}

function restoreContext(
  b: Batch,
  context: AioContext,
  nothing: number,
  fill: (context: AioContext, to: number) => void,
): void {
  const { start, sizeBytes, prot, requests, ring } = context;
  const at = setUp(b, requests);
  b.reserve(1, AIO_RING_HEAD_BYTES);
  const head = b.out(AIO_RING_HEAD_BYTES);
  b.call('copy', head, at, AIO_RING_HEAD_BYTES);
  b.run();
  const made = aioRingOf(head.bytes, sizeBytes);
  if (made?.nr !== ring.nr || made.id !== ring.id)
    throw new CritError(
      `the AIO context at 0x${start.toString(16)} cannot be had with ${ring.nr} events at place ${ring.id}: this kernel makes another one of ${requests} requests`,
      { code: 'UNSUPPORTED' },
    );
  // all that were taken, and then those that wait to be taken
  const unread = (ring.tail + ring.nr - ring.head) % ring.nr;
  advance(b, at, nothing, ring.head, true);
  advance(b, at, nothing, unread, false);
  fill(context, at);
  b.call('mremap', at, sizeBytes, sizeBytes, MREMAP_MAYMOVE | MREMAP_FIXED, start);
  if (prot !== (PROT_READ | PROT_WRITE)) b.call('mprotect', start, sizeBytes, prot);
}

/** Makes requests that end at once. @param take their events count as taken */
function advance(b: Batch, ring: number, nothing: number, count: number, take: boolean): void {
  const iocb = new DataView(new ArrayBuffer(IOCB_BYTES));
  iocb.setUint16(IOCB.opcode, IOCB_CMD_PREAD, true);
  iocb.setUint32(IOCB.fd, nothing, true);
  for (let left = count; left > 0;) {
    const n = Math.min(left, AT_ONCE);
    b.reserve(2, IOCB_BYTES + n * 8);
    const request = b.bytes(new Uint8Array(iocb.buffer)); // the kernel writes to it
    const list = new BigUint64Array(n).fill(BigInt(request.address));
    const made = b.call('io_submit', ring, n, new Uint8Array(list.buffer));
    if (take) b.call('copy', ring + AIO_RING.head, ring + AIO_RING.tail, 4);
    b.run();
    left -= made.value;
  }
}

function onlyCpu(cpu: number): Uint8Array {
  const mask = new Uint8Array(AFFINITY_BYTES);
  mask[(cpu >> 3) % AFFINITY_BYTES] = 1 << (cpu & 7);
  return mask;
}
