import { spawnSync } from 'node:child_process';
import { closeSync, writeSync } from 'node:fs';
import { pathBuffer } from '../image/path-bytes.js';
import { O_CLOEXEC } from '../kernel/uapi/open-flags.js';
import { sys } from '../native/sys.js';

/** The paths as a command line takes them; undefined where one has other characters than ASCII. */
function asArguments(paths: readonly string[]): readonly string[] | undefined {
  const names = paths.map((name) => pathBuffer(name).toString('latin1'));
  return names.every((name) => Buffer.from(name, 'latin1').equals(Buffer.from(name))) ? names : undefined;
}

/**
 * Does something should crit be killed: a small process that outlives it. It waits until crit has said a line or has died.
 */
export class Heir implements Disposable {
  readonly #pipe: number;
  /** Whether it could be told what to do. */
  readonly told: boolean;

  /** @param command of sh(1), which has the paths as "$@" @param paths absolute */
  constructor(command: string, paths: readonly string[]) {
    const ends = new Int32Array(2);
    sys('pipe2', ends, O_CLOEXEC);
    const [its, crits] = [ends[0]!, ends[1]!];
    const args = asArguments(paths);
    this.told = args !== undefined;
    try {
      const script = `(cd / && read -r done <&3 || ${command}) >/dev/null 2>&1 &`;
      spawnSync('/bin/sh', ['-c', args ? script : ':', 'sh', ...(args ?? [])], {
        stdio: ['ignore', 'ignore', 'ignore', its],
        cwd: '/',
      });
    } finally {
      closeSync(its);
    }
    this.#pipe = crits;
  }

  /** There is nothing to be done any more. */
  [Symbol.dispose](): void {
    try {
      writeSync(this.#pipe, 'done\n');
    } catch {
      // it was killed
    }
    closeSync(this.#pipe);
  }
}
