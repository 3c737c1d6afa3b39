import type { Messages } from '../image/generated/messages.js';
import { SECCOMP_FILTER_FLAG_TSYNC, SECCOMP_MODE_FILTER } from '../kernel/uapi/seccomp.js';
import type { DumpContext, DumpTask } from './context.js';
import type { ThreadSeccomp } from './peek-seccomp.js';
import type { Resource } from './resource.js';

/**
 * Filters of all threads (seccomp.img). A chain stands there backwards: a thread names its first filter, each filter the
 * one that was added after it. Where all threads of a process have the same, the first has them for all (TSYNC): whether
 * they are the same to the kernel as well, it does not tell.
 */
export class Seccomp implements Resource {
  readonly name = 'system call filters';
  readonly #ctx: DumpContext;
  readonly #filters: Messages['seccomp_filter'][] = [];

  constructor(ctx: DumpContext) {
    this.#ctx = ctx;
  }

  /** What the cores of a process say of it, leader first. */
  of({ peeked }: DumpTask): (Pick<Messages['thread_core_entry'], 'seccomp_mode' | 'seccomp_filter'> | undefined)[] {
    const leader = peeked[0]!.seccomp;
    const same = leader?.mode === SECCOMP_MODE_FILTER && peeked.every(({ seccomp }) => isSame(leader, seccomp));
    return peeked.map(({ seccomp }, i) => {
      if (!seccomp || (same && i > 0)) return undefined;
      if (seccomp.mode !== SECCOMP_MODE_FILTER) return { seccomp_mode: seccomp.mode };
      return { seccomp_mode: seccomp.mode, seccomp_filter: this.#add(seccomp, same ? SECCOMP_FILTER_FLAG_TSYNC : 0) };
    });
  }

  #add({ filters }: ThreadSeccomp, flag: number): number {
    filters.toReversed().forEach(({ program, flags }, i) => {
      const prev = this.#filters.length - 1;
      this.#filters.push({ filter: program, ...(i > 0 && { prev }), flags: flags | flag });
    });
    return this.#filters.length - 1;
  }

  write(): void {
    this.#ctx.write('SECCOMP', undefined, [{ message: { seccomp_filters: this.#filters } }]);
  }
}

function isSame(a: ThreadSeccomp, b: ThreadSeccomp | undefined): boolean {
  return (
    b?.mode === a.mode &&
    b.filters.length === a.filters.length &&
    a.filters.every(({ program, flags }, i) => {
      const other = b.filters[i]!;
      return flags === other.flags && Buffer.compare(program, other.program) === 0;
    })
  );
}
