import { CritError } from '../image/errors.js';
import { allCommands, COMMAND_NAMES, loadCommand } from './commands.js';
import { isCriuCommand } from './criu/command-table.js';
import { ENGINE, type EngineKind } from '../run/child/messages.js';
import { versionLine } from '../run/package-version.js';
import { parseArgv } from './parse-argv.js';
import { print, ReaderGone, warn } from './stdout.js';
import { systemErrorText } from '../run/system-error.js';

/** CRIU's commands are told by the first word; `criu` as our name makes every command line CRIU's. */
function isCriu(argv: readonly string[], invokedAs: string): boolean {
  if (invokedAs === 'criu') return true;
  const words = argv.filter((word) => !word.startsWith('-'));
  if (words[0] !== undefined && COMMAND_NAMES.includes(words[0])) return false;
  // CRIU's options may stand first, and their values look like words.
  return words.some(isCriuCommand);
}

const isVersion = (word: string | undefined): boolean => word === '--version' || word === '-V' || word === 'version';

/** What help is asked about: a command, crit itself (''), or nothing. */
function helpWanted(argv: readonly string[]): string | undefined {
  const [first = '', second] = argv;
  if (first === 'help' && argv.length <= 2) return second ?? '';
  if (argv.length === 1 && (first === '--help' || first === '-h')) return '';
  const end = argv.indexOf('--');
  const words = argv.slice(1, end < 0 ? undefined : end);
  return COMMAND_NAMES.includes(first) && words.some((word) => word === '--help' || word === '-h') ? first : undefined;
}

async function dispatch(argv: readonly string[], invokedAs: string): Promise<number> {
  if (argv[0] === ENGINE && argv.length === 3)
    return (await import('../run/child/serve.js')).serve(argv[1] as EngineKind, argv[2] ?? '');
  const about = invokedAs === 'criu' ? undefined : helpWanted(argv);
  if (about !== undefined) {
    print(await (await import('./help.js')).helpAbout(about === '' ? undefined : about));
    return 0;
  }
  if (isCriu(argv, invokedAs)) return (await import('./criu.js')).runCriu(argv);
  if (argv.length === 1 && isVersion(argv[0])) {
    print(`${versionLine()}\n`);
    return 0;
  }
  const command = await loadCommand(argv[0] ?? '');
  const args = command && parseArgv(command, argv.slice(1));
  if (args) return command.run(args, allCommands);
  return (await import('./yargs-front.js')).runYargs(argv);
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
  const line = error instanceof Error ? systemErrorText(error) : undefined;
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
