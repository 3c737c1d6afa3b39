import { accessSync, constants, lstatSync } from 'node:fs';
import path from 'node:path';
import { CritError } from '../image/errors.js';
import { whyFailed } from '../image/system-words.js';

/** A pidfile is made, never written over: the file may be another's. @throws CritError PIDFILE */
export function checkPidfile(pidfile: string | undefined): void {
  if (pidfile === undefined) return;
  if (lstatSync(pidfile, { throwIfNoEntry: false }))
    throw new CritError(`the pidfile ${pidfile} exists already: remove it, or name another one`, { code: 'PIDFILE' });
  const dir = path.dirname(pidfile);
  try {
    accessSync(dir, constants.W_OK | constants.X_OK);
  } catch (error) {
    throw new CritError(`no pidfile can be made in ${dir} (${whyFailed(error)}): name another one`, {
      code: 'PIDFILE',
      cause: error,
    });
  }
}
