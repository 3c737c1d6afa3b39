import { CritError } from './errors.js';

/** A caller has given something of another kind. @param wanted a sentence that says what is taken */
export function badArgument(wanted: string, got: unknown): CritError {
  const is =
    got === null ? 'null' : Array.isArray(got) ? 'an array' : got === undefined ? 'undefined' : `a ${typeof got}`;
  return new CritError(`${wanted}, not ${is}`, { code: 'BAD_ARGUMENT' });
}
