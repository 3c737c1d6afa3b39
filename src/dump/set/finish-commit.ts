import { closeSync, lstatSync } from 'node:fs';
import path from 'node:path';
import { CritError } from '../../image/errors.js';
import { openTrustedDirectory } from '../../kernel/trusted-path.js';
import { sleep } from '../../task/wait.js';
import {
  Busy,
  COMMITTED,
  hasInventory,
  isCommitted,
  lockStaging,
  putInPlace,
  removeStaging,
  STAGING,
} from './place.js';

/** How long a dump that is just putting its images in place is waited for, ms. */
const WAIT_MS = 10_000;
const STEP_MS = 5;

/**
 * Finishes what a dump into the directory was killed in the middle of: putting its complete set in place. To be called
 * before the directory is read. @throws CritError when that cannot be done: what the directory holds is no set
 */
export function finishCommit(dir: string): void {
  const committed = path.join(dir, STAGING, COMMITTED);
  const until = Date.now() + WAIT_MS;
  for (;;) {
    // Who may not look into it reads what is there; a set that is not complete is found out from its inventory.
    if (!isThere(committed)) return;
    try {
      finish(dir);
      return;
    } catch (error) {
      if (error instanceof Busy && Date.now() < until) {
        sleep(STEP_MS);
        continue;
      }
      throw new CritError(
        `${dir}: a dump was ended while it put its images in place, which are in ${path.dirname(committed)} in part; that cannot be finished: ${(error as Error).message}`,
        { code: 'TORN_SET', cause: error },
      );
    }
  }
}

function isThere(file: string): boolean {
  try {
    return lstatSync(file, { throwIfNoEntry: false }) !== undefined;
  } catch {
    return false;
  }
}

function finish(dir: string): void {
  const dirFd = openTrustedDirectory(dir);
  try {
    const stagingFd = lockStaging(dirFd, dir);
    try {
      // What a power cut has damaged before the older set was touched leaves that one.
      if (isCommitted(stagingFd) && !putInPlace(dirFd, stagingFd, dir) && !hasInventory(dirFd))
        throw new CritError('its inventory is damaged, as by a power cut (see dump --sync)', { code: 'TORN_SET' });
      removeStaging(dirFd, stagingFd);
    } finally {
      closeSync(stagingFd);
    }
  } finally {
    closeSync(dirFd);
  }
}
