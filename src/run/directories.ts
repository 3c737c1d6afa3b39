import { accessSync, closeSync, constants } from 'node:fs';
import path from 'node:path';
import { CritError } from '../image/errors.js';
import { whyFailed } from '../image/system-words.js';
import { openTrustedDirectory } from '../kernel/trusted-path.js';

const WHY: Readonly<Record<string, string>> = {
  ENOENT: 'does not exist',
  ENOTDIR: 'is not a directory',
  EACCES: 'may not be used by this user',
  EROFS: 'is on a read-only file system',
  ELOOP: 'has too many symbolic links',
};

function problem(what: string, dir: string, error: unknown): CritError {
  if (error instanceof CritError) return error;
  const { code } = error as NodeJS.ErrnoException;
  return new CritError(`the ${what} ${dir} ${WHY[code ?? ''] ?? `cannot be used: ${whyFailed(error)}`}`, {
    code: 'BAD_DIRECTORY',
    cause: error,
  });
}

/**
 * Makes sure that the images directory is there before anything is done.
 * @returns its absolute path
 * @throws CritError BAD_DIRECTORY
 */
export function imagesDirectory(dir: string, use: 'read' | 'write', what = 'images directory'): string {
  try {
    // a link that it leads through may be another user's
    closeSync(openTrustedDirectory(dir));
    accessSync(dir, constants.X_OK | (use === 'write' ? constants.W_OK : constants.R_OK));
  } catch (error) {
    throw problem(what, dir, error);
  }
  return path.resolve(dir);
}

/** Makes the work directory the current one, as CRIU does: log, pidfile, statistics and scripts are relative to it. */
export function enterWorkDirectory(dir: string): void {
  try {
    const fd = openTrustedDirectory(dir);
    process.chdir(`/proc/self/fd/${fd}`);
    closeSync(fd);
  } catch (error) {
    throw problem('work directory', dir, error);
  }
}
