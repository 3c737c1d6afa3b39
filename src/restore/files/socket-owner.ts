import type { InetSkEntry } from '../../image/generated/messages.js';
import type { Batch } from '../../task/batch.js';
import { puppetIds } from './makers.js';

/** Type and permissions of a new socket. */
const FULL_MODE = 0o140777;
const PERMISSIONS = 0o7777;

/** Owner and permissions of a socket itself, where the images tell them. */
export function setFileOwner(b: Batch, slot: number, told: Pick<InetSkEntry, 'uid' | 'gid' | 'mode'>): void {
  const now = puppetIds();
  const { uid = 0, gid = 0, mode } = told;
  if (uid !== now.uid || gid !== now.gid) b.call('fchown', slot, uid, gid);
  if (mode !== undefined && mode !== FULL_MODE) b.call('fchmod', slot, mode & PERMISSIONS);
}
