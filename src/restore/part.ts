import type { Batch } from '../task/batch.js';
import type { RestoreTask } from './context.js';
import type { Table } from './files/file-images.js';
import type { Assistant } from './fill-memory.js';
import { STAGES, type ByOf, type Stage, type StageName } from './stages.js';

/** A process, and its batch: what is added to it runs at the end of the round, unless the part runs it. */
export interface OnTask {
  readonly task: RestoreTask;
  readonly b: Batch;
}

/** What a part is given where it acts. */
export interface Where {
  readonly crit: undefined;
  readonly root: OnTask;
  readonly task: OnTask;
  readonly table: OnTask & { readonly table: Table };
  /** A thread other than the leader; the batch is the thread's. @see RestoreTask.threads */
  readonly thread: OnTask & { readonly index: number };
  readonly session: OnTask;
  readonly birth: OnTask & {
    /** Whose memory the process has; undefined for the root, which has none. */
    readonly from: RestoreTask | undefined;
    /** A second thread in the process, for the time of the stage. */
    readonly assist: () => Assistant;
    /** Is told how many bytes more are in its memory. */
    readonly filled: (bytes: number) => void;
  };
}

/** What a part does at which stages. */
export type Acts = { readonly [S in StageName]?: (where: Where[ByOf<S>]) => void };

/**
 * One thing that is restored: a kind of file, memory, credentials, ... It reads and checks its images when it is made, and
 * acts at the stages that it names. A new one is one file, and a row in parts.ts (a kind of file: in files/kinds.ts).
 */
export interface Part {
  /** For people: "memory", "epolls". */
  readonly name: string;
  readonly at: Acts;
  /** Lines for `restore --dry-run`. */
  planLines?(): string[];
  /**
   * Adds what happens at the moment from which the tree runs by itself: a process makes these calls together with the
   * commit, whatever becomes of crit.
   */
  commit?(b: Batch): void;
  /** After a failure, when nothing of the tree is left: what was made outside of it goes. Must not fail. */
  undo?(): void;
}

/** Has all parts act at a stage. */
export function act<S extends Stage>(parts: readonly Part[], { name }: S, where: Where[S['by']]): void {
  for (const { at } of parts) (at[name] as ((where: Where[S['by']]) => void) | undefined)?.(where);
}

/** The stages in their order with the parts that act there, for `restore --dry-run`. */
export function stageLines(parts: readonly Part[]): string[] {
  return STAGES.map(({ name, by }) => {
    const acting = parts.filter(({ at }) => at[name] !== undefined).map((part) => part.name);
    return `stage ${name} (${by}): ${acting.length > 0 ? acting.join(', ') : 'nothing'}`;
  });
}
