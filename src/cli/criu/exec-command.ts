import { accessSync, constants, statSync } from 'node:fs';
import path from 'node:path';
import { CritError } from '../../image/errors.js';
import { errnoName } from '../../kernel/errno.js';
import { SIGPIPE } from '../../kernel/signal.js';
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

/** An array of strings as execve(2) takes it; `keep` must outlive the call. */
function pointers(strings: readonly string[]): { array: BigUint64Array; keep: Buffer[] } {
  const keep = strings.map((text) => cString(text));
  return { array: new BigUint64Array([...keep.map((bytes) => addon().addressOf(bytes)), 0n]), keep };
}

/**
 * Becomes a command: same pid, same children. SIGPIPE, which Node ignores, is as it was.
 * @returns only when it cannot be done
 */
export function becomeCommand(command: readonly string[]): CritError {
  const [name = ''] = command;
  const file = findProgram(name);
  if (file === undefined) return new CritError(`--exec-cmd: there is no command ${name}`, { code: 'EXEC' });
  const argv = pointers(command);
  const envp = pointers(Object.entries(process.env).map(([key, value]) => `${key}=${value ?? ''}`));
  sysRaw('rt_sigaction', SIGPIPE, new Uint8Array(KERNEL_SIGACTION_BYTES), null, SIGSET_BYTES);
  const result = sysRaw('execve', cString(file), argv.array, envp.array);
  // Named here, so that nothing is collected before.
  void [argv.keep, envp.keep];
  return new CritError(`--exec-cmd: ${file} cannot be run (${errnoName(-result)})`, { code: 'EXEC' });
}
