import type { FownEntry } from '../../image/generated/messages.js';
import type { FdInfo } from '../../kernel/proc/fdinfo.js';
import type { DumpTask } from '../context.js';
import type { FileStat } from './file-stat.js';

/**
 * One open file description of the tree ("struct file" of the kernel, open(2)), however many descriptors refer to it.
 */
export interface Description {
  /** Its id in files.img. */
  readonly id: number;
  /** The first process of the tree that holds it, and the number there; where it is in flight, the socket's. */
  readonly task: DumpTask;
  readonly fd: number;
  /** No descriptor of the tree refers to it, only a message (SCM_RIGHTS) in the queue of a unix socket. */
  readonly inFlight: boolean;
  /** A process and number by which it can be had: crit's own of what is in flight. */
  readonly at: { readonly pid: number; readonly fd: number };
  /** For messages: "process 1, descriptor 3". */
  readonly where: string;
  /** What /proc/PID/fd/N points to, seen from crit. */
  readonly link: string;
  readonly stat: FileStat;
  readonly info: FdInfo;
  readonly owner: FownEntry;
}
