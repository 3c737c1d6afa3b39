import type { CheckedSet } from './checked-set.js';
import type { CheckedTask } from './checked-task.js';

/** error: a restore would fail, or bring back something else. warning: it works, and somebody should know. */
export type Severity = 'error' | 'warning';

/** Something in a set that does not fit, with its place. */
export interface Finding {
  /** Stable: the rule that is broken (docs/verify.md). */
  readonly code: string;
  readonly severity: Severity;
  /** Name of the image file, or of the file of this machine. */
  readonly image: string;
  /** Index of the entry, from 0; absent when it is the file as a whole. */
  readonly entry?: number;
  /** Path of the field in the entry. */
  readonly field?: string;
  readonly cause: string;
  readonly todo: string;
}

export interface Place {
  readonly image: string;
  readonly entry?: number | undefined;
  readonly field?: string | undefined;
  /** Instead of what the rule says. */
  readonly todo?: string;
}

export type Report = (place: Place, cause: string) => void;

/** One thing that is true of every set that restores. */
export interface Rule {
  readonly code: `V_${string}`;
  readonly severity: Severity;
  /** What is true of a sound set. */
  readonly checks: string;
  readonly todo: string;
  /** Looks at one task: what it reads of the task is dropped afterwards. */
  readonly task?: (task: CheckedTask, report: Report, set: CheckedSet) => void;
  /** Looks at the set as a whole, when all tasks have been looked at. */
  readonly walk?: (set: CheckedSet, report: Report) => void;
}

/** What to do where the images contradict each other. */
export const DUMP_AGAIN = 'take another copy of the set, or dump again; if it was edited, undo that';
