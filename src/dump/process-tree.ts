import { seenByTask } from '../image/pid.js';
import type { Messages } from '../image/generated/messages.js';
import type { DumpContext } from './context.js';
import type { DumpFiles } from './files/dump-files.js';
import { rootIds } from './namespaces.js';
import type { Places } from './places.js';
import { FIRST_ID } from './context.js';
import type { Resource, TreeView } from './resource.js';

/** Tells which namespace of a kind the tree has for itself, if it has one: fields of ids.img. */
interface OwnNamespace {
  readonly ids: Partial<Messages['task_kobj_ids_entry']>;
}

/** Who is whose child, in which session and group (pstree.img), and what processes share (ids-*.img). */
export class ProcessTree implements Resource {
  readonly name = 'process tree';
  readonly #ctx: DumpContext;
  readonly #files: DumpFiles;
  readonly #places: Places;
  readonly #namespaces: readonly OwnNamespace[];
  #tree: TreeView | undefined;

  constructor(ctx: DumpContext, files: DumpFiles, places: Places, namespaces: readonly OwnNamespace[]) {
    this.#ctx = ctx;
    this.#files = files;
    this.#places = places;
    this.#namespaces = namespaces;
  }

  check(tree: TreeView): void {
    this.#tree = tree;
  }

  write(): void {
    const { write, options, tasks } = this.#ctx;
    for (const [i, { pid }] of tasks.entries()) {
      // memory and handlers are shared by nobody (sharing.ts)
      const own = { vm_id: FIRST_ID + i, sighand_id: FIRST_ID + i };
      const shared = { ...this.#files.idsOf(pid), fs_id: this.#places.idOf(pid) };
      for (const { ids } of this.#namespaces) Object.assign(shared, ids);
      write('IDS', seenByTask(pid), [{ message: { ...rootIds(), ...own, ...shared } }]);
    }
    const tids = new Map(tasks.map((task) => [task.pid, task.tids]));
    const entries = this.#tree!.tasks.map(({ pid, ppid, stat }) => ({
      pid: seenByTask(pid),
      ppid: pid === options.pid ? 0 : seenByTask(ppid),
      pgid: seenByTask(stat.pgrp),
      sid: seenByTask(stat.session),
      threads: (tids.get(pid) ?? [pid]).map(seenByTask),
    }));
    write(
      'PSTREE',
      undefined,
      entries.map((message) => ({ message })),
    );
  }
}
