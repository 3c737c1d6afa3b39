import { CritError } from '../image/errors.js';
import { COMMAND_NAMES, CRIU_COMMANDS, loadCommand } from './commands.js';
import { versionLine } from './package-version.js';
import { parseArgv } from './parse-argv.js';
import { print, ReaderGone, warn } from './stdout.js';

/** CRIU's commands are told by the first word; `criu` as our name makes every command line CRIU's. */
function isCriu(argv: readonly string[], invokedAs: string): boolean {
  if (invokedAs === 'criu') return true;
  const words = argv.filter((word) => !word.startsWith('-'));
  if (words[0] !== undefined && COMMAND_NAMES.includes(words[0])) return false;
  // CRIU's options may stand first, and their values look like words.
  return words.some((word) => CRIU_COMMANDS.has(word));
}

async function dispatch(argv: readonly string[], invokedAs: string): Promise<number> {
  if (isCriu(argv, invokedAs)) return (await import('./criu.js')).runCriu(argv);
  if (argv.length === 1 && (argv[0] === '--version' || argv[0] === '-V')) {
    print(`${versionLine()}\n`);
    return 0;
  }
  const command = await loadCommand(argv[0] ?? '');
  const args = command && parseArgv(command, argv.slice(1));
  if (args) return command.run(args);
  return (await import('./yargs-front.js')).runYargs(argv);
}

/** Errors of the file system that the caller can do something about; the message names the file. */
function systemErrorLine(error: NodeJS.ErrnoException): string | undefined {
  if (error.code === undefined || error.syscall === undefined) return undefined;
  if (error.syscall === 'uv_cwd') return 'the current directory does not exist any more: go to another one';
  const WHY: Readonly<Record<string, string>> = {
    ENOENT: 'there is no such file or directory',
    EACCES: 'permission denied',
    EPERM: 'not permitted',
    EISDIR: 'is a directory',
    ENOTDIR: 'is not a directory',
    ENOSPC: 'no space left on the device',
    EROFS: 'the file system is read-only',
    EMFILE: 'too many open files',
    ELOOP: 'too many symbolic links',
    EFBIG: 'larger than a file may be (ulimit -f)',
  };
  const where = error.path === undefined ? '' : `${error.path}: `;
  return `${where}${WHY[error.code] ?? `${error.syscall}: ${error.code}`}`;
}

/** One line for people; the whole stack with NODE_DEBUG=crit, or when it is a fault of crit itself. */
function report(error: unknown): void {
  const detail = error instanceof Error ? (error.stack ?? error.message) : String(error);
  const debug = /\bcrit\b/.test(process.env['NODE_DEBUG'] ?? '');
  if (error instanceof CritError) {
    warn(`crit: ${error.message.replace(/\s*\n\s*/g, ' ')}`);
    if (debug) warn(detail);
    return;
  }
  const line = error instanceof Error ? systemErrorLine(error) : undefined;
  if (line !== undefined) {
    warn(`crit: ${line}`);
    if (debug) warn(detail);
    return;
  }
  const text = error instanceof Error ? error.message : String(error);
  warn(`crit: internal error: ${text.replace(/\s*\n\s*/g, ' ')} (NODE_DEBUG=crit shows where)`);
  if (debug) warn(detail);
}

/**
 * Runs a command line and ends the process with its status: 0, or 1 with one line on standard error.
 * @param argv what follows the executable's name
 * @param invokedAs the executable's file name
 */
export function main(argv: readonly string[], invokedAs = 'crit'): void {
  // Leaving by exit() instead of draining the event loop saves some milliseconds.
  dispatch(argv, invokedAs).then(
    (status) => process.exit(status),
    (error: unknown) => {
      if (error instanceof ReaderGone) process.exit(0);
      report(error);
      process.exit(1);
    },
  );
}
