import { closeSync, constants, fstatSync, openSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { CritError } from '../../image/errors.js';
import { openTrustedFile } from '../../kernel/trusted-path.js';
import { UsageError } from '../usage-error.js';
import { getopt } from './getopt.js';
import { whyFailed } from '../../image/system-words.js';

/** Where an option stands: the command line, or a configuration file. */
export interface Source {
  /** Absent for the command line. */
  readonly file?: string;
  readonly argv: readonly string[];
}

const GLOBAL = '/etc/criu/default.conf';

/**
 * One line of a configuration file as a word of a command line: `name`, or `name value`. A value in double quotes may hold
 * spaces, # and \". What is behind # is a comment.
 * @returns `--name` or `--name=value`; undefined for an empty line
 * @throws UsageError
 */
export function parseConfigLine(line: string): string | undefined {
  const match = /^\s*([^\s#]\S*)(?:\s+(.*))?$/s.exec(line);
  if (!match) return undefined;
  const name = `--${match[1]!}`;
  const rest = (match[2] ?? '').trimEnd();
  if (rest === '' || rest.startsWith('#')) return name;
  if (rest.startsWith('"')) {
    const quoted = /^"((?:\\"|[^"])*)"\s*(?:#.*)?$/s.exec(rest);
    if (!quoted) throw new UsageError('a value in quotes must end with a quote, and only a comment may follow it');
    return `${name}=${quoted[1]!.replaceAll('\\"', '"')}`;
  }
  const bare = /^([^\s#]*)\s*(?:#.*)?$/s.exec(rest);
  if (!bare) throw new UsageError('a value with spaces needs double quotes');
  return `${name}=${bare[1]!}`;
}

/** One of crit's own descriptors, such as the shell's <(...): nobody else can have put it there. */
const DESCRIPTOR = /^\/(dev\/(stdin|fd\/\d+)|proc\/self\/fd\/\d+)$/;

/**
 * The text of a configuration file, which says what root runs.
 * @param named by the command line itself: whoever gives it answers for it
 * @throws CritError FOREIGN_FILE, FOREIGN_LINK, NOT_A_FILE; ErrnoException
 */
function readText(file: string, named: boolean): string {
  if (DESCRIPTOR.test(file)) return readFileSync(file, 'utf8');
  const fd = named ? openSync(file, constants.O_RDONLY | constants.O_NONBLOCK) : openTrustedFile(file);
  try {
    if (!fstatSync(fd).isFile()) throw new CritError(`${file} is not a regular file`, { code: 'NOT_A_FILE' });
    return readFileSync(fd, 'utf8');
  } finally {
    closeSync(fd);
  }
}

/** Not what it says is wrong, but what it is. */
class UnusableConfig extends UsageError {}

/**
 * The words of a configuration file. @throws UsageError with file and line
 * @returns undefined when there is no such file
 */
export function readConfigFile(file: string, { named = false } = {}): string[] | undefined {
  let text: string;
  try {
    text = readText(file, named);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    if (error instanceof CritError) throw new UnusableConfig(`the configuration file ${error.message}`);
    throw new UnusableConfig(`${file}: the configuration cannot be read: ${whyFailed(error)}`);
  }
  return text.split('\n').flatMap((line, i) => {
    try {
      return parseConfigLine(line) ?? [];
    } catch (error) {
      if (error instanceof UsageError) throw new UsageError(`${file}:${i + 1}: ${error.message}`);
      throw error;
    }
  });
}

/** What the command line says about configuration files, which must be known before it is parsed. */
function findConfig(argv: readonly string[]): { file: string | undefined; defaults: boolean } {
  let file: string | undefined;
  let defaults = true;
  try {
    for (const { option, argument } of getopt(argv)) {
      if (option.name === 'no-default-config') defaults = false;
      else if (option.name === 'config') file = argument;
    }
  } catch (error) {
    // It is told when the command line itself is read, in its turn.
    if (!(error instanceof UsageError)) throw error;
  }
  return { file, defaults: defaults && file === undefined };
}

/**
 * Everything that options are read from, in the order in which the later one wins: the global file, the user's,
 * CRIU_CONFIG_FILE, --config, the command line.
 * @param warn told of a file that was asked for and is not there: it counts as empty, as for CRIU
 */
export function optionSources(
  argv: readonly string[],
  warn: (text: string) => void,
  env: NodeJS.ProcessEnv = process.env,
): Source[] {
  const { file, defaults } = findConfig(argv);
  const sources: Source[] = [];
  const asked = (name: string, named: boolean): void => {
    const words = readConfigFile(name, { named });
    if (words) sources.push({ file: name, argv: words });
    else warn(`the configuration file ${name} does not exist`);
  };
  // HOME may be another user's, as sudo may leave it.
  const ifUsable = (name: string): void => {
    try {
      const words = readConfigFile(name);
      if (words) sources.push({ file: name, argv: words });
    } catch (error) {
      if (!(error instanceof UnusableConfig)) throw error;
      warn(`${error.message}: it is left out`);
    }
  };
  if (defaults) {
    ifUsable(GLOBAL);
    if (env['HOME']) ifUsable(path.join(env['HOME'], '.criu/default.conf'));
  }
  if (env['CRIU_CONFIG_FILE']) asked(env['CRIU_CONFIG_FILE'], false);
  if (file !== undefined) asked(file, true);
  return [...sources, { argv }];
}
