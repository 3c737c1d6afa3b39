import { spawnSync, type SpawnSyncReturns } from 'node:child_process';
import { projectPath } from '../project-path.js';

/** What a run of bin/crit did. */
export interface Run {
  readonly status: number | null;
  readonly stdout: Buffer;
  readonly stderr: string;
}

export interface RunOptions {
  readonly input?: Uint8Array | string;
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
}

/** Runs bin/crit itself, with nothing but PATH in its environment unless said otherwise. */
export function crit(args: readonly string[], options: RunOptions = {}): Run {
  const result: SpawnSyncReturns<Buffer> = spawnSync(projectPath('bin/crit'), args, {
    input: options.input ?? '',
    env: options.env ?? { PATH: process.env['PATH'] },
    maxBuffer: 1 << 30,
    timeout: 300_000,
    killSignal: 'SIGKILL',
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
  });
  if (result.error) throw result.error;
  return { status: result.status, stdout: result.stdout, stderr: result.stderr.toString() };
}
