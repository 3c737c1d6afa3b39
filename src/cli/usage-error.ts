import { CritError } from '../image/errors.js';

/** A command line that cannot be understood; the message says what to write instead. */
export class UsageError extends CritError {
  constructor(message: string) {
    super(message, { code: 'USAGE' });
  }
}
