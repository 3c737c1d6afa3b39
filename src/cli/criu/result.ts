import { jsonText } from '../json-view.js';
import { print } from '../stdout.js';
import { codeOf } from '../../run/child/failure.js';
import { errorText } from '../../run/error-text.js';

/** What `--json` prints: one object on one line of standard output; `ok` says whether all went well. */
export function printResult(result: { readonly ok: boolean } & Readonly<Record<string, unknown>>): void {
  print(`${jsonText(result)}\n`);
}

/** A failure as `--json` prints it. */
export const failure = (error: unknown) => ({ ok: false, code: codeOf(error), message: errorText(error) });
