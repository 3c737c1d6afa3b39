import { accessSync, constants, statSync } from 'node:fs';
import path from 'node:path';
import { CritError } from '../../image/errors.js';
import { whyFailed } from '../../image/system-words.js';

const WHY: Readonly<Record<string, string>> = {
  ENOENT: 'does not exist',
  ENOTDIR: 'is not a directory',
  EACCES: 'may not be used by this user',
  EROFS: 'is on a read-only file system',
  ELOOP: 'has too many symbolic links',
};

function problem(what: string, dir: string, error: unknown): CritError {
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
  const absolute = path.resolve(dir);
  try {
    if (!statSync(absolute).isDirectory()) throw Object.assign(new Error(), { code: 'ENOTDIR' });
    accessSync(absolute, constants.X_OK | (use === 'write' ? constants.W_OK : constants.R_OK));
  } catch (error) {
    throw problem(what, dir, error);
  }
  return absolute;
}

/** Makes the work directory the current one, as CRIU does: log, pidfile, statistics and scripts are relative to it. */
export function enterWorkDirectory(dir: string): void {
  try {
    process.chdir(dir);
  } catch (error) {
    throw problem('work directory', dir, error);
  }
}
