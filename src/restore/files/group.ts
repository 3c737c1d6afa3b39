import type { FileField, FileOf } from '../../image/file-kinds.js';
import type { RestoreContext } from '../context.js';
import type { Acts, Part } from '../part.js';
import type { FileImages } from './file-images.js';
import type { InheritedFiles } from './inherited.js';
import type { Names } from './names.js';

/** What the kinds of files may ask of the restore. */
export interface Files {
  readonly ctx: RestoreContext;
  readonly images: FileImages;
  readonly names: Names;
  /** What comes from crit's own descriptors. */
  readonly inherited: InheritedFiles;
  /** The number at which a description waits in the root; it is reserved with the first call. */
  slot(id: number): number;
  /** A further number, for what only the restore needs. */
  reserve(): number;
  /** Path of what waits at a number, as crit sees it: opening it makes a new description. */
  pathOf(slot: number): string;
  /** crit's own descriptor of what waits at a number; the caller closes it. */
  take(slot: number): number;
}

/** All files of one kind. A new kind is one file with one of these, and a line in kinds.ts. */
export interface FileGroup extends Part {
  /** Ids of files that the root has only since the stage "born": what others of the tree have made. */
  readonly late?: readonly number[];
}

/**
 * Makes the group of a kind out of the entries that descriptors refer to: checks what the images tell and reserves slots.
 * Its stages: open (each description at its slot; what is opened by name goes through `names`), fill and filled, born,
 * numbers (what an epoll watches), live (timers), closed (watches).
 */
export type GroupMaker<F extends FileField> = (files: Files, entries: readonly FileOf<F>[]) => FileGroup;

export const group = (name: string, at: Acts): FileGroup => ({ name, at });
