import { exampleLines, fold, indented, screenWidth, twoColumns } from '../fold.js';
import { COMMANDS } from './command-table.js';
import { CRIU_COMMAND_TEXTS, optionsOf, whatFor, type CriuCommandText } from './criu-commands.js';
import { OPTIONS, type CriuOption } from './option-table.js';

/** How an option is written: `-t, --tree PID`. */
export function writtenAs(option: CriuOption): string {
  const value = option.value ?? 'VALUE';
  const argument = option.argument === 'none' ? '' : option.argument === 'required' ? ` ${value}` : `[=${value}]`;
  return `${option.short ? `-${option.short}, ` : ''}--${option.negatable ? '[no-]' : ''}${option.name}${argument}`;
}

/** In a list, long names stand below each other. */
const inList = (option: CriuOption): string => `${option.short ? '' : '    '}${writtenAs(option)}`;

const CONFIG_FILES =
  'Configuration files: /etc/criu/default.conf, ~/.criu/default.conf, the file in CRIU_CONFIG_FILE; a long option ' +
  'without its dashes per line. The command line wins.';

function closing(width: number): string[] {
  const later = OPTIONS.filter((option) => option.support !== 'yes').map((option) => `--${option.name}`);
  return ['', ...fold(CONFIG_FILES, width), '', 'Known, and not supported yet:', ...indented(later.join(' '), width)];
}

function ofCommand(text: CriuCommandText, width: number): string[] {
  return [
    ...text.usage.map((usage) => `crit ${usage}`),
    '',
    ...fold(`${text.describe[0]!.toUpperCase()}${text.describe.slice(1)}.`, width),
    '',
    "Options, as CRIU's; long ones may be abbreviated:",
    ...twoColumns(
      optionsOf(text.name).map((option) => [inList(option), whatFor(option, text.name)] as const),
      width,
    ),
    '',
    'Examples:',
    ...exampleLines(text.examples, width),
    ...closing(width),
    '',
  ];
}

/** What -h prints. @param argv the command line; the command that it names, or all of them */
export function helpText(argv: readonly string[] = [], width = screenWidth()): string {
  const name = COMMANDS.find((command) => argv.includes(command));
  const text = CRIU_COMMAND_TEXTS.find((command) => command.name === name);
  if (text) return ofCommand(text, width).join('\n');
  return [
    ...CRIU_COMMAND_TEXTS.flatMap(({ usage, describe }) => [
      ...usage.map((line) => `crit ${line}`),
      ...indented(describe, width, 6),
    ]),
    '',
    "Options, as CRIU's; long ones may be abbreviated:",
    ...twoColumns(
      OPTIONS.filter((option) => option.support === 'yes').map((option) => [inList(option), option.what] as const),
      width,
    ),
    ...closing(width),
    '',
  ].join('\n');
}
