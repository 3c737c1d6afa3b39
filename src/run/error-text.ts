import { CritError } from '../image/errors.js';
import { whyFailed } from '../image/system-words.js';
import { systemErrorText } from './system-error.js';

/** What TypeScript's `using` makes of two failures; Node 20 does not know the class. */
interface Suppressed extends Error {
  readonly error: unknown;
  readonly suppressed: unknown;
}

const isSuppressed = (error: unknown): error is Suppressed =>
  error instanceof Error && error.name === 'SuppressedError' && 'suppressed' in error;

/** Only files of memory, which crit works in, are made that way; to the kernel they are files. */
const isOwnMemory = (error: CritError): boolean =>
  error.code === 'EFBIG' && (error as { syscall?: unknown }).syscall === 'ftruncate';

/** One line for people for whatever was thrown. */
export function errorText(error: unknown): string {
  if (isSuppressed(error)) return `${errorText(error.suppressed)}; then ${errorText(error.error)}`;
  if (error instanceof CritError)
    return isOwnMemory(error) ? `crit's own working memory: ${whyFailed(error)}` : error.message;
  if (!(error instanceof Error)) return `internal error: ${String(error)}`;
  return systemErrorText(error) ?? `internal error: ${error.message}`;
}

/** Where it was thrown and what caused it, for the log at -v4. */
export function errorStack(error: unknown): string[] {
  if (!(error instanceof Error)) return [];
  const lines = (error.stack ?? '').split('\n').slice(1);
  const deeper = isSuppressed(error) ? error.suppressed : error.cause;
  return deeper === undefined ? lines : [...lines, `because of ${errorText(deeper)}`, ...errorStack(deeper)];
}
