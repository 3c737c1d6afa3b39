import { CritError } from '../../image/errors.js';
import type { Description } from './description.js';

/** What a process is about to take, or a moment later has not any more: the dump is tried again (../dump.ts). */
export class Passing extends CritError {}

/** Names process, descriptor and kind of what cannot be dumped. */
export function unsupported(
  file: Pick<Description, 'where' | 'link'>,
  what: string,
  hint = 'is not supported yet',
  Kind = CritError,
): CritError {
  return new Kind(`${file.where} (${file.link}): ${what} ${hint}`, {
    code: 'UNSUPPORTED',
  });
}
