import type { CritErrorCode } from './error-codes.js';

/** Base of every error that crit throws on purpose: `code` is stable (docs/errors.md), the message is for people. */
export class CritError extends Error {
  readonly code: CritErrorCode;

  constructor(message: string, options: { code: CritErrorCode; cause?: unknown }) {
    super(message, 'cause' in options ? { cause: options.cause } : undefined);
    this.name = new.target.name;
    this.code = options.code;
  }
}

/** Where in an image (or in the JSON of one) something is wrong. */
export interface ImagePlace {
  /** File name or path; absent for bytes in memory. */
  readonly file?: string | undefined;
  /** Index of the entry, from 0; absent when it is the file as a whole. */
  readonly entry?: number | undefined;
  /** Bytes from the start of the file. */
  readonly offsetBytes?: number | undefined;
  /** Of JSON: the line and the column in it, both from 1. The message has them only on the command line. */
  readonly line?: number | undefined;
  readonly column?: number | undefined;
  /** Path of the field inside the entry (`reg.fown.pid`, `extra`), or of the JSON value (`entries[3].reg.pos`). */
  readonly fieldPath?: string | undefined;
}

/**
 * Bytes that are no sound image, or JSON that stands for none. The message is one line and names the place; `reason` is
 * the message without it. Codes: BAD_IMAGE (bytes), BAD_JSON (JSON), NO_IMAGE (there is no such file), NOT_A_FILE
 * (a directory, FIFO, device), UNKNOWN_MAGIC (a raw image, or none at all).
 */
export class ImageError extends CritError implements ImagePlace {
  readonly reason: string;
  readonly file: string | undefined;
  readonly entry: number | undefined;
  readonly offsetBytes: number | undefined;
  readonly line: number | undefined;
  readonly column: number | undefined;
  readonly fieldPath: string | undefined;

  constructor(reason: string, place: ImagePlace, options: { code?: CritErrorCode; cause?: unknown } = {}) {
    super(describe(reason, place), { code: 'BAD_IMAGE', ...options });
    this.reason = reason;
    this.file = place.file;
    this.entry = place.entry;
    this.offsetBytes = place.offsetBytes;
    this.line = place.line;
    this.column = place.column;
    this.fieldPath = place.fieldPath;
  }
}

function describe(reason: string, place: ImagePlace): string {
  const parts: string[] = [];
  if (place.entry !== undefined) parts.push(`entry ${place.entry}`);
  if (place.offsetBytes !== undefined) parts.push(`offset ${place.offsetBytes}`);
  if (place.fieldPath) parts.push(place.fieldPath);
  const where = parts.join(', ');
  return [place.file, where, reason]
    .filter((part) => part)
    .map((part) => oneLine(part ?? ''))
    .join(': ');
}

/** Names come from outside: no line breaks or terminal controls in a message. */
const oneLine = (text: string): string =>
  // eslint-disable-next-line no-control-regex -- these are the characters in question
  text.replace(/[\x00-\x1f\x7f-\x9f\u2028\u2029]/g, (c) => `\\x${c.charCodeAt(0).toString(16).padStart(2, '0')}`);
