import type { spawnSync } from 'node:child_process';
import { CritError } from '../image/errors.js';
import type { Run } from './run.js';

/** The restored tasks are there already: nothing can be taken back for a script that fails. */
const TOO_LATE: ReadonlySet<string> = new Set(['pre-resume', 'post-resume']);

/** Action scripts in the order in which they run, and what they are run with. */
export interface Scripts {
  readonly files: readonly string[];
  readonly spawn: typeof spawnSync | undefined;
}

/** What runs scripts is loaded only when there are any. */
export const loadScripts = async (files: readonly string[]): Promise<Scripts> => ({
  files,
  spawn: files.length > 0 ? (await import('node:child_process')).spawnSync : undefined,
});

/**
 * What runs the action scripts at a moment of a dump or restore. A script finds the moment in CRTOOLS_SCRIPT_ACTION, the
 * images in CRTOOLS_IMAGE_DIR and the root task's pid, where it is known, in CRTOOLS_INIT_PID.
 * @param rootPid the root task's pid, when there is a root task
 */
export function actionScripts(
  { files, spawn }: Scripts,
  imagesDir: string,
  rootPid: (action: string) => number | undefined,
  { log, stats }: Run,
): (action: string) => void {
  const checkpoint = (action: string) => {
    if (!TOO_LATE.has(action)) stats.checkpoint();
  };
  return (action) => {
    log.debug(`Running ${action} scripts`);
    checkpoint(action);
    if (!spawn) return;
    const pid = rootPid(action);
    const env = {
      ...process.env,
      CRTOOLS_SCRIPT_ACTION: action,
      CRTOOLS_IMAGE_DIR: imagesDir,
      ...(pid === undefined ? {} : { CRTOOLS_INIT_PID: String(pid) }),
    };
    const failures: string[] = [];
    for (const script of files) {
      const { error, status, signal } = spawn(script, [], { env, stdio: 'inherit' });
      if (error) failures.push(`action script ${script} cannot be run at ${action}: ${error.message}`);
      else if (signal) failures.push(`action script ${script} was ended by ${signal} at ${action}`);
      else if (status !== 0) failures.push(`action script ${script} ended with status ${status ?? '?'} at ${action}`);
    }
    if (failures.length === 0) {
      checkpoint(action);
      return;
    }
    const message = failures.join('; ');
    if (!TOO_LATE.has(action)) throw new CritError(message, { code: 'ACTION_SCRIPT' });
    log.error(message);
  };
}
