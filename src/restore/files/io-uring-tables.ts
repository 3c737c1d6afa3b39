import type { IoUringFileEntry, IoUringUserEntry } from '../../image/generated/messages.js';
import * as U from '../../kernel/uapi/io-uring.js';
import { RLIMITS } from '../../kernel/uapi/resource.js';
import type { Batch } from '../../task/batch.js';
import type { RestoreTask } from '../context.js';
import { limitTo } from '../rlimits.js';
import type { Files } from './group.js';
import { fetchFrom, type Wanted } from './io-uring-wanted.js';

/** Everything that is registered with a ring. Runs batches of its thread, and of processes that have buffers. */
export function register(files: Files, { id, entry, owner, thread }: Wanted): void {
  const b = owner.threads[thread]!.batch();
  const slot = files.slot(id);
  using _doing = b.doing(`registering what the io_uring of file ${id} had`);
  if (entry.clockid !== undefined) {
    const clock = new Uint32Array(4);
    clock[0] = entry.clockid;
    b.call('io_uring_register', slot, U.IORING_REGISTER_CLOCK, new Uint8Array(clock.buffer), 0);
  }
  registerFiles(files, b, slot, entry);
  registerBuffers(b, slot, entry);
  if (entry.worker_limits?.length === 2) setWorkers(b, slot, entry.worker_limits);
  if (entry.eventfd_id !== undefined) {
    const how = entry.eventfd_async ? U.IORING_REGISTER_EVENTFD_ASYNC : U.IORING_REGISTER_EVENTFD;
    const fds = new Uint8Array(Int32Array.of(files.slot(entry.eventfd_id)).buffer);
    b.call('io_uring_register', slot, how, fds, 1);
  }
  b.run();
}

/** The most workers of bounded and of other requests. The kernel writes to where it reads them. */
function setWorkers(b: Batch, slot: number, limits: readonly number[]): void {
  b.reserve(1, 16);
  b.call(
    'io_uring_register',
    slot,
    U.IORING_REGISTER_IOWQ_MAX_WORKERS,
    b.bytes(new Uint8Array(Uint32Array.from(limits).buffer)),
    2,
  );
}

/** A table without anything in it, of files or of buffers. */
function sparse(b: Batch, slot: number, how: number, nr: number): void {
  const table = new DataView(new ArrayBuffer(U.RSRC_REGISTER_BYTES));
  table.setUint32(U.RSRC_REGISTER.nr, nr, true);
  table.setUint32(U.RSRC_REGISTER.flags, U.IORING_RSRC_REGISTER_SPARSE, true);
  b.call('io_uring_register', slot, how, new Uint8Array(table.buffer), U.RSRC_REGISTER_BYTES);
}

/** Fills a place of a table: what is put there, and its tag. */
function update(
  b: Batch,
  slot: number,
  how: number,
  index: number,
  data: Int32Array | BigUint64Array,
  tag: bigint,
): void {
  b.reserve(1, U.RSRC_UPDATE2_BYTES + data.byteLength + 64);
  const put = b.bytes(new Uint8Array(data.buffer));
  const tags = b.bytes(new Uint8Array(BigUint64Array.of(tag).buffer));
  const change = new DataView(new ArrayBuffer(U.RSRC_UPDATE2_BYTES));
  change.setUint32(U.RSRC_UPDATE2.offset, index, true);
  change.setBigUint64(U.RSRC_UPDATE2.data, BigInt(put.address), true);
  change.setBigUint64(U.RSRC_UPDATE2.tags, BigInt(tags.address), true);
  change.setUint32(U.RSRC_UPDATE2.nr, 1, true);
  b.call('io_uring_register', slot, how, new Uint8Array(change.buffer), U.RSRC_UPDATE2_BYTES);
}

function registerFiles(files: Files, b: Batch, slot: number, entry: IoUringFileEntry): void {
  const { nr_files, alloc_start = 0, alloc_end = nr_files ?? 0, alloc_hint = alloc_start } = entry;
  if (!nr_files) return;
  const table = new Map((entry.files ?? []).map((file) => [file.index, file]));
  // the kernel looks for a place behind the one that was filled last, or from the start of a range that it is told
  const last = table.get(alloc_hint - 1) ?? table.get(alloc_hint);
  sparse(b, slot, U.IORING_REGISTER_FILES2, nr_files);
  const choose = () => {
    const range = new Uint8Array(Uint32Array.of(alloc_start, alloc_end - alloc_start, 0, 0).buffer);
    b.call('io_uring_register', slot, U.IORING_REGISTER_FILE_ALLOC_RANGE, range, 0);
  };
  choose();
  // the root has all files, those too that were opened late
  const root = b.call('pidfd_open', files.ctx.root.pid, 0);
  b.run();
  const fill = (index: number, fileSlot: number, tag: bigint) => {
    const fd = b.call('pidfd_getfd', root.value, fileSlot, 0);
    b.run();
    update(b, slot, U.IORING_REGISTER_FILES_UPDATE2, index, Int32Array.of(fd.value), tag);
    b.call('close', fd.value);
  };
  for (const file of table.values()) if (file !== last) fill(file.index, files.slot(file.file_id), file.tag ?? 0n);
  if (last) fill(last.index, files.slot(last.file_id), last.tag ?? 0n);
  if (alloc_hint === alloc_start) choose();
  else if (!last && alloc_hint < nr_files) {
    update(b, slot, U.IORING_REGISTER_FILES_UPDATE2, alloc_hint, Int32Array.of(root.value), 0n);
    update(b, slot, U.IORING_REGISTER_FILES_UPDATE2, alloc_hint, Int32Array.of(-1), 0n);
  }
  b.call('close', root.value);
}

function registerBuffers(b: Batch, slot: number, { nr_buffers, buffers = [] }: IoUringFileEntry): void {
  if (!nr_buffers) return;
  // what is charged to a user was within his limit, which the process gets back with the others
  limitTo(b, RLIMITS.RLIMIT_MEMLOCK, undefined);
  sparse(b, slot, U.IORING_REGISTER_BUFFERS2, nr_buffers);
  for (const { index, address, length, tag } of buffers)
    update(b, slot, U.IORING_REGISTER_BUFFERS_UPDATE, index, BigUint64Array.of(address, length), tag ?? 0n);
}

/** The limits of workers of a thread, and the rings that it may name by index. Runs its batch. */
export function use(files: Files, { id, entry, owner }: Wanted, task: RestoreTask, user: IoUringUserEntry): void {
  const { tid, bounded, unbounded, registered = [] } = user;
  // it made the ring for another thread, and may do nothing with it
  if (entry.submitter !== undefined && entry.submitter !== tid) return;
  const b = task.threads[task.tids.indexOf(tid)]!.batch();
  const slot = files.slot(id);
  if (!files.images.tableOf.get(task)?.entries.some((one) => one.id === id)) fetchFrom(b, owner, slot);
  using _doing = b.doing(`having thread ${tid} use the io_uring of file ${id}`);
  b.reserve(1, 64);
  const limits = b.out(8);
  b.call('copy', limits, new Uint8Array(8), 8);
  b.call('io_uring_register', slot, U.IORING_REGISTER_IOWQ_MAX_WORKERS, limits, 2);
  for (const index of registered) {
    const change = new DataView(new ArrayBuffer(U.RSRC_UPDATE_BYTES));
    change.setUint32(U.RSRC_UPDATE.offset, index, true);
    change.setBigUint64(U.RSRC_UPDATE.data, BigInt(slot), true);
    // the kernel writes to it
    b.reserve(1, U.RSRC_UPDATE_BYTES);
    b.call('io_uring_register', slot, U.IORING_REGISTER_RING_FDS, b.bytes(new Uint8Array(change.buffer)), 1);
  }
  b.run();
  const [nowBounded, nowUnbounded] = [limits.view.getUint32(0, true), limits.view.getUint32(4, true)];
  // both are 0 for a thread that has not submitted anything yet
  if (nowBounded !== 0 && (nowBounded !== bounded || nowUnbounded !== unbounded)) {
    setWorkers(b, slot, [bounded, unbounded]);
    b.run();
  }
}
