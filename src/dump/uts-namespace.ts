import { readFileSync } from 'node:fs';
import type { Messages } from '../image/generated/messages.js';
import { NAMESPACES } from '../image/namespaces.js';
import { stringOfBytes } from '../image/utf8.js';
import { insideNamespace } from '../task/namespace.js';
import type { DumpContext } from './context.js';
import { isInOwn, refuseOutsiders } from './namespaces.js';
import type { Resource, TreeView } from './resource.js';

/** The names of the machine that a tree has for itself: its own UTS namespace (utsns-N.img). */
export class UtsNamespace implements Resource {
  readonly name = 'UTS namespace';
  readonly #ctx: DumpContext;
  #own = false;

  constructor(ctx: DumpContext) {
    this.#ctx = ctx;
  }

  /** The field of ids.img, if the tree is in a UTS namespace of its own. */
  get ids(): Pick<Messages['task_kobj_ids_entry'], 'uts_ns_id'> {
    return this.#own ? { uts_ns_id: NAMESPACES.uts.own } : {};
  }

  check({ alive }: TreeView): void {
    this.#own = isInOwn(this.#ctx.options.pid, 'uts');
    if (this.#own) refuseOutsiders(this.#ctx, alive, 'uts');
  }

  last(): void {
    if (!this.#own) return;
    const message = insideNamespace(this.#ctx.options.pid, 'uts', () => ({
      nodename: nameOf('hostname'),
      domainname: nameOf('domainname'),
    }));
    this.#ctx.write('UTSNS', NAMESPACES.uts.own, [{ message }]);
  }
}

/** A name in the UTS namespace that this thread is in: a line. */
const nameOf = (name: 'hostname' | 'domainname'): string =>
  stringOfBytes(readFileSync(`/proc/sys/kernel/${name}`).subarray(0, -1));
