import { spawnSync } from 'node:child_process';
import { closeSync, writeSync } from 'node:fs';
import { pathBuffer } from '../../../image/path-bytes.js';
import { O_CLOEXEC } from '../../../kernel/uapi/open-flags.js';
import { sys } from '../../../native/sys.js';

/** Waits until crit has said a line or has died; then it removes what it was given. */
const SCRIPT = '(cd / && read -r done <&3 || rm -rf -- "$@") >/dev/null 2>&1 &';

/** Removes directories of crit's own should crit be killed while they are there: a process that outlives it. */
export class Janitor implements Disposable {
  readonly #pipe: number;

  /** @param directories absolute paths, with names that nobody else has */
  constructor(directories: readonly string[]) {
    const ends = new Int32Array(2);
    sys('pipe2', ends, O_CLOEXEC);
    const [ours, crits] = [ends[0]!, ends[1]!];
    try {
      const names = directories.map((name) => pathBuffer(name).toString('latin1'));
      const told = names.every((name) => Buffer.from(name, 'latin1').equals(Buffer.from(name))) ? names : [];
      spawnSync('/bin/sh', ['-c', SCRIPT, 'sh', ...told], { stdio: ['ignore', 'ignore', 'ignore', ours], cwd: '/' });
    } finally {
      closeSync(ours);
    }
    this.#pipe = crits;
  }

  /** There is nothing to be removed any more. */
  [Symbol.dispose](): void {
    try {
      writeSync(this.#pipe, 'done\n');
    } catch {
      // it was killed
    }
    closeSync(this.#pipe);
  }
}
