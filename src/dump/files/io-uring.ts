import { cpus } from 'node:os';
import { hasDoneTooMuch } from '../../image/io-uring-fault.js';
import { FdTypes, type IoUringFileEntry, type IoUringUserEntry } from '../../image/generated/messages.js';
import { CritError } from '../../image/errors.js';
import { seenByTask, type Pid } from '../../image/pid.js';
import * as U from '../../kernel/uapi/io-uring.js';
import { CLOCK_MONOTONIC } from '../../kernel/uapi/time.js';
import { readMapped } from '../../native/mapped-page.js';
import type { KernelMemory, KernelStruct } from '../kernel-memory.js';
import { KernelPages } from '../kernel-pages.js';
import { KernelTasks } from '../kernel-tasks.js';
import type { Description } from './description.js';
import type { Files } from './files.js';
import type { FileKind } from './kind.js';
import { unsupported } from './unsupported.js';

/** Entries of a table of files or buffers. */
const MOST_SLOTS = 1 << 16;
/** IO_URING_NAPI_TRACKING_INACTIVE */
const NAPI_INACTIVE = 255;

/** Flags of io_uring_setup(2) with which a ring comes back. */
const CARRIED = (() => {
  const left = ['SQPOLL', 'SQ_AFF', 'NO_MMAP', 'REGISTERED_FD_ONLY'];
  return U.IORING_SETUP_NAMES.reduce((flags, name, bit) => (left.includes(name) ? flags : flags | (1 << bit)), 0);
})();

export const IO_URING_LINK = 'anon_inode:[io_uring]';

/** io_uring_setup(2): rings without requests in flight. Almost nothing of them is told but by the kernel's memory. */
export const ioUring: FileKind = {
  type: FdTypes.IO_URING,
  matches: ({ link }) => link === IO_URING_LINK,
  make: (files) => {
    const rings: Ring[] = [];
    return (file) => {
      const entry: IoUringFileEntry = {
        id: file.id,
        flags: file.info.flags,
        fown: file.owner,
        setup: 0,
        sq_entries: 0,
        cq_entries: 0,
        sq_head: 0,
        cq_tail: 0,
        pid: 0,
        rings: new Uint8Array(0),
        sqes: new Uint8Array(0),
      };
      if (rings.length === 0)
        files.whenKnown(() => {
          describe(files, rings);
        });
      rings.push({ file, entry });
      return { io_uring: entry };
    };
  },
};

/** A ring, and its entry, which is filled in. */
interface Ring {
  readonly file: Description;
  readonly entry: IoUringFileEntry;
}

function describe(files: Files, rings: readonly Ring[]): void {
  const memory = files.kernel();
  if (typeof memory === 'string')
    throw unsupported(rings[0]!.file, `an io_uring, which only the kernel's memory tells of (${memory}),`);
  const look = new Look(files, memory, rings);
  for (const ring of rings)
    try {
      look.describe(ring);
    } catch (error) {
      files.ctx.refuse(error);
    }
}

/** A thread of the tree, as the kernel has it. */
interface Thread {
  readonly pid: Pid;
  readonly tid: Pid;
}

class Look {
  readonly #files: Files;
  readonly #memory: KernelMemory;
  readonly #tasks: KernelTasks;
  readonly #threads = new Map<bigint, Thread>();
  readonly #mms = new Map<bigint, Pid>();
  readonly #rings: readonly Ring[];
  /** The address of what a description is. */
  readonly #addresses = new Map<Description, bigint>();
  #byFile: Map<bigint, Description> | undefined;
  #pages: KernelPages | undefined;

  constructor(files: Files, memory: KernelMemory, rings: readonly Ring[]) {
    this.#files = files;
    this.#memory = memory;
    this.#rings = rings;
    this.#tasks = new KernelTasks(memory);
    for (const { pid, tids } of files.ctx.tasks)
      for (const tid of tids) {
        const task = this.#tasks.task(tid);
        this.#threads.set(task, { pid, tid });
        if (tid === pid) this.#mms.set(memory.pointer('task_struct', task, 'mm'), pid);
      }
  }

  #addressOf(file: Description): bigint {
    let address = this.#addresses.get(file);
    if (address === undefined) this.#addresses.set(file, (address = this.#tasks.file(file.at.pid, file.at.fd)));
    return address;
  }

  /** The description that something of the kernel's refers to. */
  #at(address: bigint): Description | undefined {
    this.#byFile ??= new Map(this.#files.descriptions.map((file) => [this.#addressOf(file), file]));
    return this.#byFile.get(address);
  }

  /** Fills in the entry of a ring. @throws CritError UNSUPPORTED */
  describe({ file, entry }: Ring): void {
    const refuse = (what: string, hint?: string) => unsupported(file, `an io_uring ${what}`, hint);
    const ctx = this.#memory.struct('io_ring_ctx', this.#memory.pointer('file', this.#addressOf(file), 'private_data'));
    refuseMore(ctx, refuse);
    const setup = ctx.u32('flags');
    entry.setup = setup;
    entry.sq_entries = ctx.u32('sq_entries');
    entry.cq_entries = ctx.u32('cq_entries');
    entry.sq_head = ctx.u32('cached_sq_head');
    entry.cq_tail = ctx.u32('cached_cq_tail');
    if (ctx.bit('drain_disabled')) entry.drain_disabled = true;
    this.#owner(ctx, entry, refuse);
    this.#users(ctx, entry, refuse);
    refuseCounts(entry, refuse);
    this.#notified(ctx, entry, refuse);
    this.#slots(ctx, entry, refuse);
    if (ctx.has('clockid') && ctx.u32('clockid') !== CLOCK_MONOTONIC) entry.clockid = ctx.u32('clockid');
    const array = ctx.u64('sq_array');
    if (array !== 0n) entry.array_offset = Number(array - ctx.u64('rings'));
    this.#files.use(file, (fd) => {
      const bytes = U.ringsBytes(entry.array_offset, entry.sq_entries, entry.cq_entries, setup);
      entry.rings = withoutZeros(readMapped(fd, U.IORING_OFF_SQ_RING, bytes));
      entry.sqes = withoutZeros(readMapped(fd, U.IORING_OFF_SQES, U.sqesBytes(entry.sq_entries, setup)));
      this.#buffers(ctx, entry, refuse, fd);
    });
  }

  /** Who made it, who may use it, to whom it is charged. */
  #owner(ctx: KernelStruct, entry: IoUringFileEntry, refuse: Refuse): void {
    const owner = this.#mms.get(ctx.u64('mm_account'));
    if (owner === undefined)
      throw refuse('that a process has made which is not in the tree, or has called execve(2) since,');
    entry.pid = seenByTask(owner);
    const submitter = ctx.u64('submitter_task');
    if (submitter !== 0n) {
      const thread = this.#threads.get(submitter);
      if (!thread) throw refuse('whose only submitter (IORING_SETUP_SINGLE_ISSUER) has ended');
      if (thread.pid !== owner) throw refuse(`that process ${owner} has made and process ${thread.pid} alone may use`);
      entry.submitter = seenByTask(thread.tid);
    }
    const user = ctx.u64('user');
    if (user !== 0n) entry.charged_uid = this.#memory.struct('user_struct', user).u32('uid.val');
  }

  /** The threads that have submitted; none has a request in flight. */
  #users(ctx: KernelStruct, entry: IoUringFileEntry, refuse: Refuse): void {
    const memory = this.#memory;
    const head = ctx.at('tctx_list');
    const users: IoUringUserEntry[] = [];
    for (let at = ctx.u64('tctx_list'); at !== head; at = memory.word(at)) {
      const node = memory.struct('io_tctx_node', memory.container('io_tctx_node', 'ctx_node', at));
      const thread = this.#threads.get(node.u64('task'));
      if (!thread) throw refuse('that a process outside of the tree uses too');
      if (users.length > this.#threads.size) throw refuse('that changes');
      users.push(this.#user(node.u64('task'), thread, entry.id, refuse));
    }
    entry.users = users;
    if (ctx.bit('iowq_limits_set')) {
      const limits = memory.read(ctx.at('iowq_limits'), 8);
      entry.worker_limits = [limits.readUInt32LE(0), limits.readUInt32LE(4)];
    }
  }

  #user(task: bigint, { tid }: Thread, ring: number, refuse: Refuse): IoUringUserEntry {
    const memory = this.#memory;
    const own = memory.struct('io_uring_task', memory.pointer('task_struct', task, 'io_uring'));
    const inFlight = memory.perCpuCount(own.at('inflight')) - BigInt(own.i32('cached_refs'));
    if (inFlight !== 0n || own.u64('task_list') !== 0n)
      throw refuse(
        `with ${inFlight} request(s) of thread ${tid} in flight (polls, timeouts, reads that wait, multishot requests)`,
        'is not supported: dump when it is idle',
      );
    const registered: number[] = [];
    const rings = memory.read(own.at('registered_rings'), 8 * U.REGISTERED_RINGS);
    for (let i = 0; i < U.REGISTERED_RINGS; i++) {
      const address = rings.readBigUInt64LE(8 * i);
      if (address === 0n) continue;
      const known = this.#rings.find(({ file }) => this.#addressOf(file) === address);
      if (!known)
        throw refuse(`of thread ${tid}, which has another one registered (index ${i}) that no descriptor refers to,`);
      if (known.entry.id === ring) registered.push(i);
    }
    const workers = own.u64('io_wq');
    const most = (kind: number) =>
      memory
        .struct(
          'io_wq_acct',
          memory.member('io_wq', workers, 'acct') + BigInt(kind * memory.types.sizeOf('io_wq_acct')!),
        )
        .u32('max_workers');
    if (!this.#anywhere(workers)) throw refuse('whose workers run on some processors only (IORING_REGISTER_IOWQ_AFF)');
    return { tid: seenByTask(tid), registered, bounded: most(0), unbounded: most(1) };
  }

  /** Whether the workers of a thread may run on any processor. */
  #anywhere(workers: bigint): boolean {
    const memory = this.#memory;
    const at = memory.member('io_wq', workers, 'cpu_mask');
    // a pointer where there may be many processors (CONFIG_CPUMASK_OFFSTACK)
    const mask = memory.types.isPointer('io_wq', 'cpu_mask') ? memory.word(at) : at;
    let found = 0;
    for (const byte of memory.read(mask, (memory.nrCpus + 7) >> 3))
      for (let bits = byte; bits; bits &= bits - 1) found++;
    return found >= cpus().length;
  }

  /** The eventfd that is told. */
  #notified(ctx: KernelStruct, entry: IoUringFileEntry, refuse: Refuse): void {
    const at = ctx.u64('io_ev_fd');
    if (at === 0n) return;
    const told = this.#memory.struct('io_ev_fd', at);
    const eventfd = this.#files.descriptions.find(
      (file) =>
        file.link === 'anon_inode:[eventfd]' &&
        this.#memory.pointer('file', this.#addressOf(file), 'private_data') === told.u64('cq_ev_fd'),
    );
    if (!eventfd) throw refuse('that tells an eventfd which no descriptor of the tree refers to');
    entry.eventfd_id = eventfd.id;
    // of an unsigned int, or one bit of it
    if (told.u32('eventfd_async') & 1) entry.eventfd_async = true;
  }

  /** The table of files. */
  #slots(ctx: KernelStruct, entry: IoUringFileEntry, refuse: Refuse): void {
    const nr = ctx.u32('file_table.data.nr');
    if (nr === 0) return;
    entry.nr_files = nr;
    entry.files = this.#nodes(ctx.u64('file_table.data.nodes'), nr, refuse).map(({ index, node }) => {
      const file = this.#at(node.u64('file_ptr') & ~7n);
      if (!file) throw refuse(`with a registered file (index ${index}) that no descriptor of the tree refers to`);
      return { index, file_id: file.id, ...tagOf(node) };
    });
    const start = ctx.u32('file_alloc_start');
    const end = ctx.u32('file_alloc_end');
    if (start !== 0 || end !== nr) Object.assign(entry, { alloc_start: start, alloc_end: end });
    const hint = ctx.u32('file_table.alloc_hint');
    if (hint !== start) entry.alloc_hint = hint;
  }

  /** The table of buffers. @param fd crit's own descriptor of the ring */
  #buffers(ctx: KernelStruct, entry: IoUringFileEntry, refuse: Refuse, fd: number): void {
    const owner = this.#mms.get(ctx.u64('mm_account'))!;
    const nr = ctx.u32('buf_table.nr');
    if (nr === 0) return;
    entry.nr_buffers = nr;
    entry.buffers = this.#nodes(ctx.u64('buf_table.nodes'), nr, refuse).map(({ index, node }) => {
      const buffer = this.#memory.struct('io_mapped_ubuf', node.u64('buf'));
      const shared = buffer.u32('refs.refs.counter') !== 1;
      if (shared || (buffer.has('is_kbuf') && buffer.u8('is_kbuf')))
        throw refuse(
          `with a registered buffer (index ${index}) that is ${shared ? 'shared with another' : "the kernel's"}`,
        );
      this.#pages ??= new KernelPages(this.#memory, fd, this.#memory.word(ctx.u64('ring_region.pages')));
      if (!this.#pages.has(owner, buffer))
        throw refuse(`with a registered buffer (index ${index}) that process ${owner} has not mapped there any more`);
      return { index, address: buffer.u64('ubuf'), length: BigInt(buffer.u32('len')), ...tagOf(node) };
    });
  }

  /** What is in a table of files or buffers. */
  #nodes(nodes: bigint, nr: number, refuse: Refuse): { readonly index: number; readonly node: KernelStruct }[] {
    if (nr > MOST_SLOTS) throw refuse(`with a table of ${nr} files or buffers`);
    const table = this.#memory.read(nodes, nr * 8);
    const found: { readonly index: number; readonly node: KernelStruct }[] = [];
    for (let index = 0; index < nr; index++) {
      const node = table.readBigUInt64LE(index * 8);
      if (node !== 0n) found.push({ index, node: this.#memory.struct('io_rsrc_node', node) });
    }
    return found;
  }
}

const tagOf = (node: KernelStruct) => (node.u64('tag') === 0n ? {} : { tag: node.u64('tag') });

type Refuse = (what: string, hint?: string) => CritError;

/** What of a ring does not come back. */
function refuseMore(ctx: KernelStruct, refuse: Refuse): void {
  const setup = ctx.u32('flags');
  const left = setup & ~CARRIED;
  const names = U.IORING_SETUP_NAMES.flatMap((name, bit) => (left & (1 << bit) ? [`IORING_SETUP_${name}`] : []));
  if (left) throw refuse(`with ${names.join(', ') || `the flags 0x${left.toString(16)}`}`);
  const set = (path: string) => ctx.has(path) && ctx.u64(path) !== 0n;
  const listed = (path: string) => ctx.u64(path) !== ctx.at(path);
  if (ctx.bit('compat')) throw refuse('of a 32-bit program');
  if (ctx.bit('restricted') || ctx.u8('restrictions.registered')) throw refuse('with restrictions');
  if (set('personalities.xa_head') || ctx.u32('pers_next')) throw refuse('with personalities');
  if (set('io_bl_xa.xa_head')) throw refuse('with provided buffers');
  if (set('zcrx_ctxs.xa_head') || set('ifq')) throw refuse('with zero-copy receive queues');
  if (ctx.has('param_region') && ctx.u32('param_region.nr_pages')) throw refuse('with a region for waits');
  if (ctx.has('napi_track_mode') ? ctx.u8('napi_track_mode') !== NAPI_INACTIVE : set('napi_enabled'))
    throw refuse('with busy polling (IORING_REGISTER_NAPI)');
  if (ctx.u64('check_cq') !== 0n || listed('cq_overflow_list'))
    throw refuse('whose completions have overflowed', 'is not supported: they must be taken first');
  const lists = ['timeout_list', 'ltimeout_list', 'defer_list'];
  const words = 'iopoll_list waitid_list futex_list work_llist retry_llist fallback_llist cancelable_uring_cmd'.split(
    ' ',
  );
  if (lists.some((path) => ctx.has(path) && listed(path)) || words.some(set))
    throw refuse('with requests in flight', 'is not supported: dump when it is idle');
}

/** A restore makes as many submissions and completions again. */
function refuseCounts(entry: IoUringFileEntry, refuse: Refuse): void {
  const { sq_head, cq_tail, sq_entries, drain_disabled } = entry;
  if (hasDoneTooMuch(entry))
    throw refuse(
      `that has taken ${sq_head} submissions (of a queue of ${sq_entries}) and made ${cq_tail} completions`,
      'is not supported: a restore has to make as many',
    );
  if (((sq_head - cq_tail) | 0) > 0 && !drain_disabled) throw refuse('that has dropped submissions or completions');
}

function withoutZeros(bytes: Uint8Array): Uint8Array {
  let end = bytes.length;
  while (end > 0 && bytes[end - 1] === 0) end--;
  return bytes.slice(0, end);
}
