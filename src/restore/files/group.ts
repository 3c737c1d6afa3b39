import type { FileField, FileOf } from '../../image/file-kinds.js';
import type { Batch } from '../../task/batch.js';
import type { RestoreContext } from '../context.js';
import type { FileImages, Table } from './file-images.js';
import type { Names } from './names.js';

/** What the kinds of files may ask of the restore. */
export interface Files {
  readonly ctx: RestoreContext;
  readonly images: FileImages;
  readonly names: Names;
  /** The number at which a description waits in the root; it is reserved with the first call. */
  slot(id: number): number;
  /** A further number, for what only the restore needs. */
  reserve(): number;
  /** Path of what waits at a number, as crit sees it: opening it makes a new description. */
  pathOf(slot: number): string;
  /** crit's own descriptor of what waits at a number; the caller closes it. */
  take(slot: number): number;
}

/**
 * All files of one kind. A new kind is one file with one of these, and a line in kinds.ts. The constructor checks
 * what the images tell and reserves slots: nothing runs yet.
 */
export interface FileGroup {
  /** Adds operations that open every description at its slot, in the root. What is opened by name goes through `names`. */
  open(b: Batch): void;
  /** After the operations of all kinds have run: what crit does from outside, such as filling pipes. */
  fill?(): void;
  /** What crit's filling must come before. */
  afterFill?(b: Batch): void;
  /**
   * Instead of those: when all tasks exist, what one of them must make itself. The root has it afterwards, at its slots.
   * Runs the batch, the root's. @returns ids of the files that no other task has inherited
   */
  openLate?(b: Batch): readonly number[];
  /** In the root, when all tasks and their mappings exist: what starts to live, such as timers. */
  settle?(b: Batch): void;
  /** In the first task of a table, when its descriptors have their numbers. */
  inTable?(table: Table, b: Batch): void;
  /** Lines for `restore --dry-run`. */
  describe?(): string[];
}

/** Makes the group of a kind out of the entries that descriptors refer to. */
export type GroupMaker<F extends FileField> = (files: Files, entries: readonly FileOf<F>[]) => FileGroup;
