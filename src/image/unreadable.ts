import type { CritErrorCode } from './error-codes.js';
import { ImageError } from './errors.js';
import { whyFailed } from './system-words.js';

const KNOWN: Readonly<Record<string, [string, CritErrorCode] | undefined>> = {
  ENOENT: ['there is no such file', 'NO_IMAGE'],
  ENOTDIR: ['there is no such file', 'NO_IMAGE'],
  EACCES: ['permission denied', 'NO_ACCESS'],
  EPERM: ['permission denied', 'NO_ACCESS'],
  EISDIR: ['a directory, not an image', 'NOT_A_FILE'],
  ENXIO: ['neither a file nor a pipe that can be read', 'NOT_A_FILE'],
};

/** Why a file cannot be read, in words. */
export function unreadable(file: string | undefined, error: unknown): ImageError {
  if (error instanceof ImageError) return error;
  const code = (error as NodeJS.ErrnoException).code ?? '';
  const [reason, stable] = KNOWN[code] ?? [`cannot be read: ${whyFailed(error)}`, 'UNREADABLE'];
  return new ImageError(reason, { file }, { code: stable, cause: error });
}

/** What is no regular file cannot be an image. */
export function notAFile(file: string | undefined, what: string): ImageError {
  return new ImageError(`${what}, not an image`, { file }, { code: 'NOT_A_FILE' });
}
