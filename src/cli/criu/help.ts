import { OPTIONS, type CriuOption } from './option-table.js';

/** How an option is written: `-t, --tree PID`. */
export function writtenAs(option: CriuOption): string {
  const value = option.value ?? 'VALUE';
  const argument = option.argument === 'none' ? '' : option.argument === 'required' ? ` ${value}` : `[=${value}]`;
  return `${option.short ? `-${option.short}, ` : ''}--${option.negatable ? '[no-]' : ''}${option.name}${argument}`;
}

const WIDTH = 30;

function line(option: CriuOption): string {
  const as = `  ${option.short ? '' : '    '}${writtenAs(option)}`;
  return as.length < WIDTH ? `${as.padEnd(WIDTH)}${option.what}` : `${as}\n${' '.repeat(WIDTH)}${option.what}`;
}

/** What -h prints. */
export function helpText(): string {
  const supported = OPTIONS.filter((option) => option.support === 'yes');
  const later = OPTIONS.filter((option) => option.support !== 'yes');
  return [
    'crit dump -t PID [-D DIR] [options]       dump a process and its descendants into images',
    'crit restore [-D DIR] [options]           bring them back',
    'crit restore --exec-cmd [options] -- COMMAND [ARGUMENT...]',
    'crit check [--feature NAME]               what this kernel offers',
    '',
    "Options, as CRIU's; long ones may be abbreviated:",
    ...supported.map(line),
    '',
    'Configuration files: /etc/criu/default.conf, ~/.criu/default.conf, the file in CRIU_CONFIG_FILE; a long option',
    'without its dashes per line. The command line wins.',
    '',
    'Known, and not supported yet:',
    ...wrap(later.map((option) => `--${option.name}`)),
    '',
  ].join('\n');
}

function wrap(words: readonly string[]): string[] {
  const lines: string[] = [];
  let current = ' ';
  for (const word of words) {
    if (current.length + word.length > 118) {
      lines.push(current);
      current = ' ';
    }
    current += ` ${word}`;
  }
  return [...lines, current];
}
