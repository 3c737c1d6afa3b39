import type { Command, OptionSpec } from './command.js';
import { allCommands } from './commands.js';
import { closest } from './closest.js';
import { LATER_COMMANDS } from './criu/command-table.js';
import { CRIU_COMMAND_TEXTS } from './criu/criu-commands.js';
import { exampleLines, fold, screenWidth, twoColumns } from './fold.js';
import { UsageError } from './usage-error.js';

/** How an option is written: `-i, --in IMAGE`. */
export const optionAs = ({ name, alias, value, type }: OptionSpec): string =>
  `${alias === undefined ? '' : `-${alias}, `}--${name}${type === 'string' ? ` ${value ?? 'TEXT'}` : ''}`;

/** How a command is written: `x DIR {ps|fds}`. */
export const usageOf = (command: Command): string =>
  [
    command.name,
    ...command.positionals.map(({ name, choices, optional, many }) => {
      const word = `${choices ? `{${choices.join('|')}}` : name.toUpperCase()}${many ? '...' : ''}`;
      return optional ? `[${word}]` : word;
    }),
    ...(command.options.length > 0 ? ['[options]'] : []),
  ].join(' ');

export const ABOUT =
  'Dumps processes into image files, shows and changes the images, and brings the processes back. Image formats, file ' +
  'names, JSON and options are those of CRIU.';

export const EXIT_STATUS = '0, or 1 with one line on standard error.';

/** What `crit --help` prints. */
export async function mainHelp(width = screenWidth()): Promise<string> {
  const commands = await allCommands();
  return [
    'crit COMMAND ...',
    '',
    ...fold(ABOUT, width),
    '',
    'Commands:',
    ...twoColumns(
      [
        ...CRIU_COMMAND_TEXTS.map(({ name, describe }) => [name, describe] as const),
        ...commands.map(({ name, describe }) => [name, describe] as const),
        ['help [COMMAND]', 'this text, or what a command takes; also crit COMMAND --help'] as const,
        ['version', 'print the version; also crit --version'] as const,
      ],
      width,
    ),
    '',
    'Examples:',
    ...exampleLines(
      [
        ['dump -t 1234 -D checkpoint/', 'a process and its descendants into images'],
        ['restore -d -D checkpoint/', '... and back'],
        ['x checkpoint/ ps', 'the processes in a checkpoint'],
        ['show core-1234.img', 'an image for people to read'],
        ['decode -i core-1234.img -o core.json', 'an image as JSON ...'],
        ['encode -i core.json -o core-1234.img', '... and back, byte for byte'],
      ],
      width,
    ),
    '',
    ...fold(`Exit status: ${EXIT_STATUS}`, width),
    ...fold(`Commands of CRIU that are not supported yet: ${LATER_COMMANDS.join(', ')}.`, width),
    '',
  ].join('\n');
}

/** What `crit COMMAND --help` prints, for a command of crit's own. */
export function commandHelp(command: Command, width = screenWidth()): string {
  const arguments_ = command.positionals.map(({ name, describe }) => [name.toUpperCase(), describe] as const);
  const options = [
    ...command.options.map((option) => {
      const as = optionAs(option);
      return [as.startsWith('--') ? `    ${as}` : as, option.describe] as const;
    }),
    ['-h, --help', 'print help'] as const,
  ];
  return [
    `crit ${usageOf(command)}`,
    '',
    ...fold(`${command.describe[0]!.toUpperCase()}${command.describe.slice(1)}.`, width),
    ...(arguments_.length > 0 ? ['', 'Arguments:', ...twoColumns(arguments_, width)] : []),
    '',
    'Options:',
    ...twoColumns(options, width),
    '',
    'Examples:',
    ...exampleLines(command.examples, width),
    '',
  ].join('\n');
}

/**
 * Help about a command by its name; about crit without.
 * @throws UsageError for a name that no command has
 */
export async function helpAbout(name: string | undefined): Promise<string> {
  if (name === undefined) return mainHelp();
  if (CRIU_COMMAND_TEXTS.some((text) => text.name === name)) return (await import('./criu/help.js')).helpText([name]);
  const commands = await allCommands();
  const command = commands.find((candidate) => candidate.name === name);
  if (command) return commandHelp(command);
  const hint = closest(
    name,
    [...CRIU_COMMAND_TEXTS, ...commands].map((candidate) => candidate.name),
  );
  const meant = hint === undefined ? '' : ` (did you mean ${hint}?)`;
  throw new UsageError(`help: unknown command ${JSON.stringify(name)}${meant}; see 'crit --help'`);
}
