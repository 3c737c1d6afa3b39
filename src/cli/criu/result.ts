import { CritError } from '../../image/errors.js';
import { jsonText } from '../json-view.js';
import { print } from '../stdout.js';
import { errorText } from '../../run/error-text.js';

/** What `--json` prints: one object on one line of standard output; `ok` says whether all went well. */
export function printResult(result: { readonly ok: boolean } & Readonly<Record<string, unknown>>): void {
  print(`${jsonText(result)}\n`);
}

/** A failure as `--json` prints it. */
export function failure(error: unknown): { ok: false; code: string; message: string } {
  const { code } = error as { code?: unknown };
  return {
    ok: false,
    code: error instanceof CritError || typeof code === 'string' ? String(code) : 'INTERNAL',
    message: errorText(error),
  };
}
