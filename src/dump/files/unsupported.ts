import { CritError } from '../../image/errors.js';
import type { Description } from './description.js';

type Where = Pick<Description, 'fd' | 'link'> & { task: { pid: number } };

/** Names process, descriptor and kind of what cannot be dumped. */
export function unsupported(file: Where, what: string, hint = 'is not supported yet'): CritError {
  return new CritError(`process ${file.task.pid}, descriptor ${file.fd} (${file.link}): ${what} ${hint}`, {
    code: 'UNSUPPORTED',
  });
}
