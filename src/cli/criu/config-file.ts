import { readFileSync } from 'node:fs';
import path from 'node:path';
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

/**
 * The words of a configuration file. @throws UsageError with file and line
 * @returns undefined when there is no such file
 */
export function readConfigFile(file: string): string[] | undefined {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw new UsageError(`${file}: the configuration cannot be read: ${whyFailed(error)}`);
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
  const add = (name: string, asked: boolean): void => {
    const words = readConfigFile(name);
    if (words) sources.push({ file: name, argv: words });
    else if (asked) warn(`the configuration file ${name} does not exist`);
  };
  if (defaults) {
    add(GLOBAL, false);
    if (env['HOME']) add(path.join(env['HOME'], '.criu/default.conf'), false);
  }
  if (env['CRIU_CONFIG_FILE']) add(env['CRIU_CONFIG_FILE'], true);
  if (file !== undefined) add(file, true);
  return [...sources, { argv }];
}
