import { CritError } from '../image/errors.js';

/** What a dump or restore would do, in words, and all that is in its way. */
export interface Plan {
  readonly lines: readonly string[];
  readonly obstacles: readonly CritError[];
}

/** Something that is looked at besides the tree or the images. @throws CritError what is in the way */
export type Check = () => void;

/** The errors of checks that fail. */
export function failing(checks: readonly Check[]): CritError[] {
  return checks.flatMap((check) => {
    try {
      check();
      return [];
    } catch (error) {
      if (!(error instanceof CritError)) throw error;
      return [error];
    }
  });
}
