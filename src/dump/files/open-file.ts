import type { FileStat } from './file-stat.js';

/** A file that has to be found again by name. */
export interface OpenFile {
  /** As the kernel spells it: absolute, " (deleted)" behind it when that name is gone. */
  link: string;
  stat: FileStat;
  /** For messages: "process 1, descriptor 3". */
  where: string;
  /** The mount that it was opened in, where that is known. */
  mntId?: number;
  /** A descriptor of it, which the callee closes: its content may have to be copied. */
  open: () => number;
}
