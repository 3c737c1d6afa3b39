import type { CritErrorCode } from '../../image/error-codes.js';
import { CritError, ImageError } from '../../image/errors.js';
import { errorStack, errorText } from '../error-text.js';
import type { Failure } from './messages.js';

/** The code of whatever was thrown: that of crit, or of the system call that failed. */
export function codeOf(error: unknown): CritErrorCode {
  const { code } = error as { code?: unknown };
  return error instanceof CritError || typeof code === 'string' ? (code as CritErrorCode) : 'INTERNAL';
}

/** Takes an error apart. */
export function failureOf(error: unknown): Failure {
  const failure = { code: codeOf(error), message: errorText(error), stack: errorStack(error).join('\n') };
  if (!(error instanceof ImageError)) return failure;
  const { reason, file, entry, offsetBytes, line, column, fieldPath } = error;
  return { ...failure, reason, place: { file, entry, offsetBytes, line, column, fieldPath } };
}

/** Makes an error of its parts; `cause` says where in the other process it was thrown. */
export function errorOf({ code, message, reason, place, stack }: Failure): CritError {
  const cause = new CritError(message, { code });
  cause.stack = `in the process of the engine: ${message}\n${stack ?? ''}`;
  return place ? new ImageError(reason ?? message, place, { code, cause }) : new CritError(message, { code, cause });
}
