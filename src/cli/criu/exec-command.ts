import { accessSync, constants, existsSync, statSync } from 'node:fs';
import path from 'node:path';
import { CritError } from '../../image/errors.js';
import { errnoWords } from '../../kernel/errno.js';
import { F_SETFD } from '../../kernel/open-flags.js';
import { SIGPIPE, SIGXFSZ } from '../../kernel/signal.js';
import { addon } from '../../native/addon.js';
import { cString, sysRaw } from '../../native/sys.js';

/** struct sigaction of the kernel (x86_64), all zero: SIG_DFL. */
const KERNEL_SIGACTION_BYTES = 32;
const SIGSET_BYTES = 8;

/** What execvp(3) would run: a name without a slash is searched for in PATH. */
export function findProgram(name: string, env: NodeJS.ProcessEnv = process.env): string | undefined {
  if (name.includes('/')) return name;
  return (env['PATH'] ?? '/bin:/usr/bin')
    .split(':')
    .map((dir) => path.join(dir || '.', name))
    .find((file) => {
      try {
        accessSync(file, constants.X_OK);
        return statSync(file).isFile();
      } catch {
        return false;
      }
    });
}

const noCommand = (name: string): CritError =>
  new CritError(`--exec-cmd: there is no command ${name}`, { code: 'EXEC' });

/** Refuses a command that is not there, before anything is restored for it. @throws CritError EXEC */
export function checkCommand(command: readonly string[]): void {
  const [name = ''] = command;
  const file = findProgram(name);
  if (file === undefined || !existsSync(file)) throw noCommand(name);
}

/** An array of strings as execve(2) takes it; `keep` must outlive the call. */
function pointers(strings: readonly string[]): { array: BigUint64Array; keep: Buffer[] } {
  const keep = strings.map((text) => cString(text));
  return { array: new BigUint64Array([...keep.map((bytes) => addon().addressOf(bytes)), 0n]), keep };
}

/**
 * Becomes a command: same pid, same children. The signals that Node ignores and the standard descriptors, which it
 * marks as closing on exec, are as they were.
 * @returns only when it cannot be done
 */
export function becomeCommand(command: readonly string[]): CritError {
  const [name = ''] = command;
  const file = findProgram(name);
  if (file === undefined) return noCommand(name);
  const argv = pointers(command);
  const envp = pointers(Object.entries(process.env).map(([key, value]) => `${key}=${value ?? ''}`));
  for (const fd of [0, 1, 2]) sysRaw('fcntl', fd, F_SETFD, 0);
  for (const signal of [SIGPIPE, SIGXFSZ])
    sysRaw('rt_sigaction', signal, new Uint8Array(KERNEL_SIGACTION_BYTES), null, SIGSET_BYTES);
  const result = sysRaw('execve', cString(file), argv.array, envp.array);
  // Named here, so that nothing is collected before.
  if (argv.keep.length + envp.keep.length < 0) throw new RangeError();
  return new CritError(`--exec-cmd: ${file} cannot be run: ${errnoWords(-result)}`, { code: 'EXEC' });
}
