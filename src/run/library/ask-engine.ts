import { fileURLToPath } from 'node:url';
import type { Log } from '../../image/log.js';
import { CritError } from '../../image/errors.js';
import { errorOf } from '../child/failure.js';
import {
  CHANNEL_FD,
  ENGINE,
  type EngineKind,
  type EngineMessage,
  type EngineRequest,
  type Failure,
} from '../child/messages.js';
import type { Progress } from './options.js';

/** Options of all kinds: what the engine is asked for, and what stays here. */
interface Options {
  readonly signal?: AbortSignal | undefined;
  readonly log?: Log | undefined;
  readonly onProgress?: ((progress: Progress) => void) | undefined;
  readonly actionScripts?: readonly string[] | undefined;
  readonly inheritFds?: Readonly<Record<string, number>> | undefined;
}

/** Runs the bundled command, which starts faster than its modules. */
const LAUNCHER = new URL('../../../../bin/crit', import.meta.url);

/** Settings of this program's Node (a debugger's port, hooks of a loader) are not the engine's. */
const environment = (): NodeJS.ProcessEnv =>
  Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('NODE_')));

/**
 * Has an engine work in a process of its own.
 * @returns what it answers
 * @throws CritError; the reason of the signal; whatever `log` or `onProgress` throws, which gives the work up too
 */
export async function askEngine(
  kind: EngineKind,
  { signal, log, onProgress, actionScripts, inheritFds = {}, ...others }: Options,
): Promise<unknown> {
  signal?.throwIfAborted();
  const { spawn } = await import('node:child_process');
  // the engine gets them behind its channel
  const given = Object.entries(inheritFds);
  const options = { ...others, inheritFds: Object.fromEntries(given.map(([key], i) => [key, CHANNEL_FD + 1 + i])) };
  const request: EngineRequest = { options, scripts: actionScripts ?? [], log: log !== undefined };
  const child = spawn(process.execPath, [fileURLToPath(LAUNCHER), ENGINE, kind, JSON.stringify(request)], {
    env: environment(),
    stdio: ['inherit', 'inherit', 'inherit', 'pipe', ...given.map(([, fd]) => fd)],
  });
  let answer: { readonly done: unknown } | undefined;
  let failed: Failure | undefined;
  let thrown: { readonly error: unknown } | undefined;
  // it notes the signal, and gives up where everything can be taken back
  const giveUp = () => child.kill('SIGINT');
  const take = (line: string): void => {
    const message = JSON.parse(line) as EngineMessage;
    if ('done' in message) answer = message;
    else if ('failed' in message) failed = message.failed;
    else if ('log' in message) log?.[message.log[0]](message.log[1]);
    else {
      const [what, done, total] = message.progress;
      onProgress?.({ what, done, total });
    }
  };
  let text = '';
  const lines = (chunk: string) => {
    const parts = (text + chunk).split('\n');
    text = parts.pop() ?? '';
    for (const line of parts)
      try {
        take(line);
      } catch (error) {
        thrown ??= { error };
        giveUp();
      }
  };
  signal?.addEventListener('abort', giveUp);
  try {
    const [status, killer] = await new Promise<[number | null, NodeJS.Signals | null]>((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (...end) => resolve(end));
      (child.stdio[3] as NodeJS.ReadableStream | undefined)?.setEncoding('utf8').on('data', lines);
    });
    if (answer) return answer.done;
    if (thrown) throw thrown.error;
    if (signal?.aborted && (!failed || failed.code === 'INTERRUPTED')) throw signal.reason;
    if (failed) throw errorOf(failed);
    const end = killer ? `was ended by ${killer}` : `ended with status ${status ?? '?'}`;
    throw new CritError(`the process of the engine ${end}, without an answer`, { code: 'ENGINE_DIED' });
  } finally {
    signal?.removeEventListener('abort', giveUp);
  }
}
