import type { ImageDir } from '../encode/image-dir.js';
import { imageFileName } from '../image/catalogue.js';
import { CritError } from '../image/errors.js';
import type { Messages } from '../image/generated/messages.js';
import { filterChain } from '../image/seccomp-chain.js';
import { hasEnded } from '../image/task-state.js';
import { hasCapability } from '../kernel/uapi/capability.js';
import { PR_SET_SECCOMP } from '../kernel/uapi/prctl.js';
import { readStatus } from '../kernel/proc/status.js';
import { asksSupervisor } from '../kernel/seccomp-program.js';
import {
  BPF_MAXINSNS,
  SECCOMP_FILTER_FLAG_LOG,
  SECCOMP_FILTER_FLAG_SPEC_ALLOW,
  SECCOMP_FILTER_FLAG_TSYNC,
  SECCOMP_MODE_DISABLED,
  SECCOMP_MODE_FILTER,
  SECCOMP_MODE_STRICT,
  SECCOMP_SET_MODE_FILTER,
} from '../kernel/uapi/seccomp.js';
import { SOCK_FILTER_BYTES, SOCK_FPROG_BYTES } from '../kernel/uapi/socket-options.js';
import type { Batch } from '../task/batch.js';
import { GUARD, guardOf, type Guard, type Restriction } from '../task/guard.js';
import type { RestoreTask } from './context.js';
import type { Refuse } from './refuse.js';

type Filter = Messages['seccomp_filter'];

/** What is to restrict the threads of a process, leader first. */
interface Restrictions {
  readonly threads: readonly { readonly strict: boolean; readonly filters: readonly Filter[] }[];
  /** So many filters all threads have in common: the leader adds them for all, so that the kernel knows them as the same. */
  readonly common: number;
  readonly guard: Guard;
}

/** What a filter may be given with; a listener would be a descriptor. */
const FLAGS = SECCOMP_FILTER_FLAG_LOG | SECCOMP_FILTER_FLAG_SPEC_ALLOW;

/**
 * Restrictions of system calls. Each thread gets its own before its credentials, for which it must have CAP_SYS_ADMIN
 * still; crit's tracing suspends them until it lets the thread go, and with its end: no instruction of the thread's own runs
 * without them.
 */
export class Seccomp {
  readonly #of = new Map<RestoreTask, Restrictions>();

  /** @throws CritError BAD_IMAGE */
  constructor(images: ImageDir, tasks: readonly RestoreTask[], refuse: Refuse) {
    const all = images.messages('SECCOMP')?.[0]?.seccomp_filters ?? [];
    for (const task of tasks) {
      if (hasEnded(task.cores[0]?.tc?.task_state)) continue;
      const threads = threadsOf(task, all);
      if (threads.every(({ strict, filters }) => !strict && filters.length === 0)) continue;
      const guard = guardOf(
        threads
          .filter(({ strict, filters }) => strict || filters.length > 0)
          .map(({ strict, filters }): Restriction => (strict ? 'strict' : filters.map(({ filter }) => filter))),
      );
      const common = threads.length > 1 ? commonOf(threads.map(({ filters }) => filters)) : 0;
      this.#of.set(task, { threads, common, guard });
    }
    if (this.#of.size > 0) checkRights(refuse);
  }

  /** Bytes that a thread needs of its ring. */
  roomOf(task: RestoreTask, index: number): number {
    const sizes = this.#of.get(task)?.threads[index]?.filters.map(({ filter }) => filter.length) ?? [];
    return sizes.length > 0 ? Math.max(...sizes) + SOCK_FPROG_BYTES + 32 : 0;
  }

  /** What all threads have, by the leader: all threads are there, and none has filters of its own yet. */
  restrictAll(task: RestoreTask, b: Batch): void {
    const { threads, common } = this.#of.get(task) ?? { threads: [], common: 0 };
    for (const filter of threads[0]?.filters.slice(0, common) ?? []) addFilter(b, filter, SECCOMP_FILTER_FLAG_TSYNC);
  }

  /** What only one thread has. Its puppet is told, too: from here on it is one that is restricted. */
  restrict(task: RestoreTask, index: number, b: Batch): void {
    const own = this.#of.get(task);
    const thread = own?.threads[index];
    if (!own || !thread) return;
    if (own.guard !== GUARD.none) b.ring.guarded(own.guard);
    for (const filter of thread.filters.slice(own.common)) addFilter(b, filter, 0);
    if (!thread.strict) return;
    using _doing = b.doing('restricting system calls (seccomp, strict)');
    b.call('prctl', PR_SET_SECCOMP, SECCOMP_MODE_STRICT, 0, 0, 0);
  }
}

function threadsOf(task: RestoreTask, all: readonly Filter[]): Restrictions['threads'] {
  const { tc } = task.cores[0]!;
  const image = imageFileName('SECCOMP');
  const threads = task.cores.map(({ thread_core: thread }, i) => {
    const where = imageFileName('CORE', task.tids[i]);
    const bad = (what: string) => new CritError(`${where}: thread_core.${what}`, { code: 'BAD_IMAGE' });
    // images of CRIU before 3.11 tell it for the process
    const mode = thread?.seccomp_mode ?? tc?.old_seccomp_mode ?? SECCOMP_MODE_DISABLED;
    if (mode !== SECCOMP_MODE_FILTER) return { strict: mode === SECCOMP_MODE_STRICT, filters: [] };
    const filters = filterChain(all, thread?.seccomp_filter ?? tc?.old_seccomp_filter ?? 0);
    if (typeof filters === 'string') throw bad(`seccomp_filter: ${image}: ${filters}`);
    for (const { filter, flags } of filters) {
      const count = filter.length / SOCK_FILTER_BYTES;
      if (!Number.isInteger(count) || count === 0 || count > BPF_MAXINSNS)
        throw bad(`seccomp_filter: ${image}: ${filter.length} bytes are no program`);
      if (((flags ?? 0) & ~(FLAGS | SECCOMP_FILTER_FLAG_TSYNC)) !== 0 || asksSupervisor(filter))
        throw new CritError(`${where}: a seccomp filter that asks a supervisor: restoring that is not supported`, {
          code: 'UNSUPPORTED',
        });
    }
    return { strict: false, filters };
  });
  // only the leader has what was added for all
  const { filters } = threads[0]!;
  const forAll = filters.length > 0 && filters.every(({ flags }) => ((flags ?? 0) & SECCOMP_FILTER_FLAG_TSYNC) !== 0);
  return threads.map((thread) =>
    forAll && !thread.strict && thread.filters.length === 0 ? { strict: false, filters } : thread,
  );
}

function commonOf(chains: readonly (readonly Filter[])[]): number {
  const [first, ...others] = chains;
  const at = first!.findIndex((filter, i) => !others.every((chain) => isSame(filter, chain[i])));
  return at < 0 ? first!.length : at;
}

const isSame = (a: Filter, b: Filter | undefined): boolean =>
  b !== undefined && ((a.flags ?? 0) & FLAGS) === ((b.flags ?? 0) & FLAGS) && Buffer.compare(a.filter, b.filter) === 0;

function addFilter(b: Batch, { filter, flags }: Filter, more: number): void {
  using _doing = b.doing('adding a filter of system calls (seccomp)');
  b.reserve(1, filter.length + SOCK_FPROG_BYTES + 32);
  const instructions = b.bytes(filter);
  const program = new DataView(new ArrayBuffer(SOCK_FPROG_BYTES));
  program.setUint16(0, filter.length / SOCK_FILTER_BYTES, true);
  program.setBigUint64(8, BigInt(instructions.address), true);
  const given = ((flags ?? 0) & FLAGS) | more;
  b.call('seccomp', SECCOMP_SET_MODE_FILTER, given, new Uint8Array(program.buffer));
}

function checkRights(refuse: Refuse): void {
  const own = readStatus(process.pid);
  if (hasCapability(own.capEff, 'CAP_SYS_ADMIN') && own.seccomp === SECCOMP_MODE_DISABLED) return;
  refuse(
    new CritError(
      'tasks of the images are restricted by seccomp: restoring them needs CAP_SYS_ADMIN, and a crit that is not restricted itself',
      { code: 'PRIVILEGES' },
    ),
  );
}
