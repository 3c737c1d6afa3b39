import { CritError } from '../../image/errors.js';
import type { Description } from './description.js';

/** Names process, descriptor and kind of what cannot be dumped. */
export function unsupported(
  file: Pick<Description, 'where' | 'link'>,
  what: string,
  hint = 'is not supported yet',
): CritError {
  return new CritError(`${file.where} (${file.link}): ${what} ${hint}`, {
    code: 'UNSUPPORTED',
  });
}
