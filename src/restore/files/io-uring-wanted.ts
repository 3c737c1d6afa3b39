import type { IoUringFileEntry } from '../../image/generated/messages.js';
import type { Batch } from '../../task/batch.js';
import type { RestoreTask } from '../context.js';
import { place } from './place.js';

/** A ring, and who makes it. */
export interface Wanted {
  readonly id: number;
  readonly entry: IoUringFileEntry;
  readonly owner: RestoreTask;
  /** Which of its threads. */
  readonly thread: number;
}

/** Takes a ring from the process that made it. */
export function fetchFrom(b: Batch, owner: RestoreTask, slot: number): void {
  const pidfd = b.call('pidfd_open', owner.pid, 0);
  place(b, b.call('pidfd_getfd', pidfd, slot, 0), slot);
  b.call('close', pidfd);
}
