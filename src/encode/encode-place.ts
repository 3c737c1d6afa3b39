import { ImageError } from '../image/errors.js';

/** Follows the way into a value, so that an error can name it. */
export class EncodePlace {
  readonly file: string | undefined;
  readonly #parts: (string | number)[];

  constructor(prefix: readonly (string | number)[] = [], file?: string) {
    this.#parts = [...prefix];
    this.file = file;
  }

  push(part: string | number): void {
    this.#parts.push(part);
  }

  pop(): void {
    this.#parts.pop();
  }

  /** `entries[3].reg.pos` */
  path(): string {
    let path = '';
    for (const part of this.#parts) path += typeof part === 'number' ? `[${part}]` : path === '' ? part : `.${part}`;
    return path;
  }

  /** @throws always ImageError BAD_JSON */
  fail(reason: string, cause?: unknown): never {
    throw new ImageError(
      reason,
      { file: this.file, fieldPath: this.path() },
      { code: 'BAD_JSON', ...(cause === undefined ? {} : { cause }) },
    );
  }
}

/** A wrong value in a few words. */
export function described(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'a list';
  if (value instanceof Uint8Array) return 'bytes';
  if (typeof value === 'object') return 'an object';
  if (typeof value === 'string') return JSON.stringify(value.length > 60 ? `${value.slice(0, 57)}...` : value);
  return typeof value === 'number' || typeof value === 'bigint' || typeof value === 'boolean'
    ? `${value}`
    : typeof value;
}
