import { closeSync } from 'node:fs';
import { imageFileName } from '../../image/catalogue.js';
import { CritError } from '../../image/errors.js';
import type { FileOf } from '../../image/file-kinds.js';
import type { IoUringFileEntry, IoUringUserEntry } from '../../image/generated/messages.js';
import { ioUringFault } from '../../image/io-uring-fault.js';
import { seenByCrit } from '../../image/pid.js';
import { hasEnded } from '../../image/task-state.js';
import { TASK_SIZE } from '../../arch/index.js';
import { fdInfoValue, readFdInfo } from '../../kernel/proc/fdinfo.js';
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
  PROT_READ,
  PROT_WRITE,
} from '../../kernel/uapi/mman.js';
import { RLIMITS } from '../../kernel/uapi/resource.js';
import { writeMapped } from '../../native/mapped-page.js';
import type { Batch, Out } from '../../task/batch.js';
import { openPidfd, takeFd } from '../../task/descriptors.js';
import { ownBatch } from '../../task/own.js';
import type { RestoreTask } from '../context.js';
import type { Files, GroupMaker } from './group.js';
import { puppetIds } from './makers.js';
import { place, setFlags } from './place.js';

type IoUring = FileOf<'io_uring'>;

const KEEP = -1;
/** vm.mmap_min_addr, as it is set everywhere. */
const LOWEST = 0x10000;

/** Submissions of one batch: three operations each. */
const ROUNDS_AT_ONCE = 256;
/** Flags that would do nothing, or are set where they are needed. */
const MADE_ANEW = U.IORING_SETUP_ATTACH_WQ | U.IORING_SETUP_CQSIZE | U.IORING_SETUP_CLAMP;

/** A ring, and who makes it. */
interface Wanted {
  readonly id: number;
  readonly entry: IoUringFileEntry;
  readonly owner: RestoreTask;
  /** Which of its threads. */
  readonly thread: number;
}

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
          if (ring.owner !== files.ctx.root) fetch(b, ring.owner, files.slot(ring.id));
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
      check(id, entry, fd);
    } finally {
      closeSync(fd);
    }
  } finally {
    closeSync(pidfd);
  }
}

/** Sets a soft limit, or takes as much as is allowed; the process gets its own back with the others. */
function limitTo(b: Batch, resource: number, soft: bigint | undefined): void {
  b.reserve(3, 64);
  const limit = b.out(16);
  b.call('prlimit64', 0, resource, null, limit);
  if (soft === undefined) b.call('copy', limit, limit.address + 8, 8);
  else b.call('copy', limit, new Uint8Array(BigUint64Array.of(soft).buffer), 8);
  b.tryCall('prlimit64', 0, resource, limit, null);
}

/** The kernel's counts are what they were. */
function check(id: number, { sq_head, cq_tail }: IoUringFileEntry, fd: number): void {
  const info = readFdInfo(process.pid, fd);
  const head = fdInfoValue(info, 'CachedSqHead');
  const tail = fdInfoValue(info, 'CachedCqTail');
  if (Number(head) !== sq_head || Number(tail) !== cq_tail)
    throw new CritError(
      `the io_uring of file ${id} cannot be brought to ${sq_head} submissions and ${cq_tail} completions: it is at ${head} and ${tail}`,
      { code: 'UNSUPPORTED' },
    );
}

const ringsBytesOf = ({ array_offset, sq_entries, cq_entries, setup }: IoUringFileEntry) =>
  U.ringsBytes(array_offset, sq_entries, cq_entries, setup);

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
 * Brings the kernel's counts of submissions and completions to where they were, by requests that do nothing: new memory is
 * one of these wherever the kernel looks. Runs the batch.
 * @returns how many completions there are now
 */
function advance(b: Batch, slot: number, entry: IoUringFileEntry): number {
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
function tell(b: Batch, slot: number, fd: number, count: number, ringBytes: number): void {
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

/** Takes a ring from the process that made it. */
function fetch(b: Batch, owner: RestoreTask, slot: number): void {
  const pidfd = b.call('pidfd_open', owner.pid, 0);
  place(b, b.call('pidfd_getfd', pidfd, slot, 0), slot);
  b.call('close', pidfd);
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

/** Everything that is registered with a ring. Runs batches of its thread, and of processes that have buffers. */
function register(files: Files, { id, entry, owner, thread }: Wanted): void {
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
function use(files: Files, { id, entry, owner }: Wanted, task: RestoreTask, user: IoUringUserEntry): void {
  const { tid, bounded, unbounded, registered = [] } = user;
  // it made the ring for another thread, and may do nothing with it
  if (entry.submitter !== undefined && entry.submitter !== tid) return;
  const b = task.threads[task.tids.indexOf(tid)]!.batch();
  const slot = files.slot(id);
  if (!files.images.tableOf.get(task)?.entries.some((one) => one.id === id)) fetch(b, owner, slot);
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
