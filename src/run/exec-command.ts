import { accessSync, constants, existsSync, statSync } from 'node:fs';
import path from 'node:path';
import { CritError } from '../image/errors.js';
import { errnoWords } from '../kernel/uapi/errno.js';
import { execve } from '../native/execve.js';
import { cString } from '../native/sys.js';

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

/** Becomes a command: same pid, same children. @returns only when it cannot be done */
export function becomeCommand(command: readonly string[]): CritError {
  const [name = ''] = command;
  const file = findProgram(name);
  if (file === undefined) return noCommand(name);
  const env = Object.entries(process.env).map(([key, value]) => cString(`${key}=${value ?? ''}`));
  const result = execve(
    file,
    command.map((word) => cString(word)),
    env,
  );
  return new CritError(`--exec-cmd: ${file} cannot be run: ${errnoWords(-result)}`, { code: 'EXEC' });
}
