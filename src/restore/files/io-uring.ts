import { closeSync } from 'node:fs';
import { imageFileName } from '../../image/catalogue.js';
import { CritError } from '../../image/errors.js';
import type { FileOf } from '../../image/file-kinds.js';
import { ioUringFault } from '../../image/io-uring-fault.js';
import { seenByCrit } from '../../image/pid.js';
import { hasEnded } from '../../image/task-state.js';
import { TASK_SIZE } from '../../arch/index.js';
import { readMaps } from '../../kernel/proc/maps.js';
import {
  CAP_DATA,
  CAP_DATA_BYTES,
  CAP_HEADER_BYTES,
  CAPABILITIES,
  LINUX_CAPABILITY_VERSION_3,
} from '../../kernel/uapi/capability.js';
import * as U from '../../kernel/uapi/io-uring.js';
import {
  MAP_ANONYMOUS,
  MAP_FIXED_NOREPLACE,
  MAP_LOCKED,
  MAP_NORESERVE,
  MAP_PRIVATE,
  MAP_SHARED,
} from '../../kernel/uapi/mman.js';
import { RLIMITS } from '../../kernel/uapi/resource.js';
import { writeMapped } from '../../native/mapped-page.js';
import type { Batch, Out } from '../../task/batch.js';
import { openPidfd, takeFd } from '../../task/descriptors.js';
import type { RestoreTask } from '../context.js';
import type { Files, GroupMaker } from './group.js';
import { puppetIds } from './makers.js';
import { place, setFlags } from './place.js';
import { limitTo } from '../rlimits.js';
import { advance, checkCounts, ringsBytesOf, tell } from './io-uring-counts.js';
import { register, use } from './io-uring-tables.js';
import { fetchFrom, type Wanted } from './io-uring-wanted.js';

type IoUring = FileOf<'io_uring'>;

const KEEP = -1;
/** vm.mmap_min_addr, as it is set everywhere. */
const LOWEST = 0x10000;

/** Flags that would do nothing, or are set where they are needed. */
const MADE_ANEW = U.IORING_SETUP_ATTACH_WQ | U.IORING_SETUP_CQSIZE | U.IORING_SETUP_CLAMP;

/**
 * io_uring_setup(2). Each is made by the thread that made it, when all are there, and does nothing as often as it has done
 * something; then its memory gets its bytes.
 */
export const ioUring: GroupMaker<'io_uring'> = (files, entries) => {
  const wanted = entries.map((entry) => wantedOf(files, entry));
  for (const { id } of wanted) files.slot(id);
  return {
    name: 'io_urings',
    late: wanted.map(({ id }) => id),
    at: {
      born: ({ b }) => {
        for (const ring of wanted) {
          using _doing = b.doing(`making the io_uring of file ${ring.id}`);
          make(files, ring);
          if (ring.owner !== files.ctx.root) fetchFrom(b, ring.owner, files.slot(ring.id));
        }
        b.run();
        for (const task of files.ctx.tasks) mapAll(files, wanted, task);
      },
      task: ({ task }) => {
        for (const ring of wanted) if (ring.owner === task) register(files, ring);
        for (const ring of wanted)
          for (const user of ring.entry.users ?? []) if (task.tids.includes(user.tid)) use(files, ring, task, user);
      },
    },
  };
};

function wantedOf({ ctx, images }: Files, { id, io_uring: entry }: IoUring): Wanted {
  const bad = (what: string) =>
    new CritError(`${imageFileName('FILES')}: file ${id}: io_uring.${what}`, { code: 'BAD_IMAGE' });
  const fault = ioUringFault(entry);
  if (fault !== undefined) throw bad(fault);
  const owner = ctx.tasks.find(({ pid }) => pid === entry.pid);
  if (!owner || hasEnded(owner.cores[0]?.tc?.task_state))
    throw bad(`pid: there is no process ${entry.pid} in the images`);
  const thread = entry.submitter === undefined ? 0 : owner.tids.indexOf(entry.submitter);
  if (thread < 0) throw bad(`submitter: process ${entry.pid} has no thread ${entry.submitter}`);
  for (const { tid } of entry.users ?? [])
    if (!ctx.tasks.some(({ tids }) => tids.includes(tid))) throw bad(`users: there is no thread ${tid}`);
  for (const { file_id } of entry.files ?? [])
    if (!images.used.has(file_id)) throw bad(`files: no descriptor refers to file ${file_id}`);
  if (entry.eventfd_id !== undefined && !images.byId.get(entry.eventfd_id)?.efd)
    throw bad(`eventfd_id: file ${entry.eventfd_id} is no eventfd`);
  return { id, entry, owner, thread };
}

/** Makes a ring and brings it to where it was. Runs batches of its thread. */
function make(files: Files, { id, entry, owner, thread }: Wanted): void {
  const b = owner.threads[thread]!.batch();
  const slot = files.slot(id);
  const params = new DataView(new ArrayBuffer(U.PARAMS_BYTES));
  const { sq_entries, cq_entries, setup } = entry;
  const sized = cq_entries === 2 * sq_entries ? 0 : U.IORING_SETUP_CQSIZE;
  params.setUint32(U.PARAMS.flags, ((setup & ~MADE_ANEW) | sized) >>> 0, true);
  params.setUint32(U.PARAMS.cqEntries, cq_entries, true);
  const user = entry.users?.find(({ tid }) => tid === owner.tids[thread]);
  if (user) {
    // what the kernel gives a thread that has no io_uring yet
    limitTo(b, RLIMITS.RLIMIT_NPROC, BigInt(user.unbounded));
  }
  let out: Out | undefined;
  asCharged(b, entry.charged_uid, () => {
    b.reserve(5, 2 * U.PARAMS_BYTES + 64);
    out = b.out(U.PARAMS_BYTES);
    b.call('copy', out, new Uint8Array(params.buffer), U.PARAMS_BYTES);
    place(b, b.call('io_uring_setup', sq_entries, out), slot);
    b.run();
  });
  const word = (at: number) => out!.view.getUint32(at, true);
  if (
    word(U.PARAMS.sqEntries) !== sq_entries ||
    word(U.PARAMS.cqEntries) !== cq_entries ||
    word(U.PARAMS.cqes) !== U.RINGS.cqes ||
    (entry.array_offset !== undefined && word(U.PARAMS.sqArray) !== entry.array_offset)
  )
    throw new CritError(`the io_uring of file ${id} cannot be had: this kernel lays its memory out in another way`, {
      code: 'UNSUPPORTED',
    });
  setFlags(b, slot, entry.flags);
  const made = advance(b, slot, entry);
  b.run();
  const pidfd = openPidfd(seenByCrit(owner.pid));
  try {
    const fd = takeFd(pidfd, slot);
    try {
      if (entry.cq_tail !== made) tell(b, slot, fd, (entry.cq_tail - made) >>> 0, ringsBytesOf(entry));
      writeMapped(fd, U.IORING_OFF_SQ_RING, padded(entry.rings, ringsBytesOf(entry)));
      writeMapped(fd, U.IORING_OFF_SQES, padded(entry.sqes, U.sqesBytes(sq_entries, setup)));
      checkCounts(id, entry, fd);
    } finally {
      closeSync(fd);
    }
  } finally {
    closeSync(pidfd);
  }
}

function padded(bytes: Uint8Array, length: number): Uint8Array {
  const all = new Uint8Array(length);
  all.set(bytes);
  return all;
}

/** Has a puppet be the user, without CAP_IPC_LOCK, to whom the kernel charges what is pinned. */
function asCharged(b: Batch, uid: number | undefined, work: () => void): void {
  if (uid === undefined) {
    work();
    return;
  }
  const now = puppetIds();
  b.reserve(1, CAP_HEADER_BYTES + 2 * CAP_DATA_BYTES + 64);
  const header = new Uint8Array(CAP_HEADER_BYTES);
  new DataView(header.buffer).setUint32(0, LINUX_CAPABILITY_VERSION_3, true);
  const found = b.out(2 * CAP_DATA_BYTES);
  b.call('capget', header, found);
  b.run();
  const all = found.bytes.slice();
  const less = all.slice();
  const low = new DataView(less.buffer);
  low.setUint32(CAP_DATA.effective, low.getUint32(CAP_DATA.effective, true) & ~(1 << CAPABILITIES.CAP_IPC_LOCK), true);
  b.call('setresuid', uid, KEEP, KEEP);
  b.call('capset', header, less);
  work();
  b.call('capset', header, all);
  b.call('setresuid', now.uid, KEEP, KEEP);
  b.run();
}

/**
 * Maps rings where a process had them mapped. The kernel alone chooses where (io_uring_get_unmapped_area), and does not move
 * them: nothing but the wanted place is free while it does. Runs the batch of the process.
 */
function mapAll(files: Files, wanted: readonly Wanted[], task: RestoreTask): void {
  const vmas = (task.memory?.vmas ?? []).filter(({ ring }) => ring !== undefined);
  if (vmas.length === 0) return;
  const b = task.batch();
  const free = freeRanges(task);
  const flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE;
  for (const { start, end } of free) b.call('mmap', start, end - start, 0, flags, -1, 0);
  for (const { id, owner } of wanted) {
    const mine = vmas.filter(({ ring }) => ring === id);
    if (mine.length === 0) continue;
    using _doing = b.doing(`mapping the io_uring of file ${id}`);
    const pidfd = b.call('pidfd_open', owner.pid, 0);
    const fd = b.call('pidfd_getfd', pidfd, files.slot(id), 0);
    b.call('close', pidfd);
    b.run();
    for (const { start, end, entry } of mine) {
      b.call('munmap', start, end - start);
      const how = MAP_SHARED | (entry.flags & (MAP_LOCKED | MAP_NORESERVE));
      const at = b.call('mmap', 0, end - start, entry.prot, how, fd.value, entry.pgoff);
      b.run();
      if (at.value !== start)
        throw new CritError(
          `task ${task.pid}: this kernel maps the io_uring of file ${id} at 0x${at.value.toString(16)}, not at 0x${start.toString(16)}`,
          { code: 'UNSUPPORTED' },
        );
    }
    b.call('close', fd.value);
  }
  for (const { start, end } of free) b.call('munmap', start, end - start);
  b.run();
}

/** What of a process's address space nothing is in. */
function freeRanges({ pid }: RestoreTask): { readonly start: number; readonly end: number }[] {
  const free: { readonly start: number; readonly end: number }[] = [];
  let at = LOWEST;
  for (const map of readMaps(seenByCrit(pid))) {
    if (map.start >= TASK_SIZE) break;
    if (map.start > at) free.push({ start: at, end: Number(map.start) });
    at = Math.max(at, Number(map.end));
  }
  return at < TASK_SIZE ? [...free, { start: at, end: TASK_SIZE }] : free;
}
