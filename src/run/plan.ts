import type { DumpOptions } from '../dump/context.js';
import { survey } from '../dump/survey.js';
import { CritError } from '../image/errors.js';
import type { Log } from '../image/log.js';
import type { RestoreOptions } from '../restore/context.js';
import { plan } from '../restore/restore.js';

/** What a dump or restore would do, in words, and all that is in its way. */
export interface Plan {
  readonly lines: readonly string[];
  readonly obstacles: readonly CritError[];
}

/** Something that is looked at besides the tree or the images. @throws CritError what is in the way */
export type Check = () => void;

function failing(checks: readonly Check[]): CritError[] {
  return checks.flatMap((check) => {
    try {
      check();
      return [];
    } catch (error) {
      if (!(error instanceof CritError)) throw error;
      return [error];
    }
  });
}

/** Looks at a tree that runs on; nothing is stopped or changed. */
export function planDump(options: Omit<DumpOptions, 'action'>, checks: readonly Check[]): Plan {
  const obstacles = [...failing(checks), ...survey({ ...options, action: () => undefined })];
  return { lines: [], obstacles };
}

/** Reads and checks the images; nothing is started. */
export function planRestore(options: Omit<RestoreOptions, 'action'>, checks: readonly Check[], log: Log): Plan {
  const before = failing(checks);
  const { lines, obstacles } = plan({ ...options, action: () => undefined }, log);
  return { lines, obstacles: [...before, ...obstacles] };
}
