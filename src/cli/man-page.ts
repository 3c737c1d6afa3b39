import type { Command } from './command.js';
import { CRIU_COMMAND_TEXTS, commandsOf } from './criu/criu-commands.js';
import { writtenAs } from './criu/help.js';
import { OPTIONS } from './criu/option-table.js';
import { ABOUT, EXIT_STATUS, optionAs, usageOf } from './help.js';

/** Text for roff: a backslash, a dash and a leading dot mean themselves. */
const roff = (text: string): string =>
  text.replaceAll('\\', '\\e').replaceAll('-', '\\-').replaceAll("'", '\\(aq').replace(/^\./gm, '\\&.');

const item = (head: string, text: string): string => `.TP\n.B ${roff(head)}\n${roff(text)}\n`;
const example = ([line, what]: readonly [string, string]): string =>
  `.PP\n${roff(`${what[0]!.toUpperCase()}${what.slice(1)}`)}:\n.PP\n.RS 4\n.nf\ncrit ${roff(line)}\n.fi\n.RE\n`;

/** The manual page crit(1), from what help and completion are made of. */
export function manPage(commands: readonly Command[], version: string): string {
  const usages = [...CRIU_COMMAND_TEXTS.flatMap(({ usage }) => usage), ...commands.map(usageOf)];
  const supported = OPTIONS.filter((option) => option.support === 'yes');
  const later = OPTIONS.filter((option) => option.support !== 'yes');
  return [
    `.\\" Made by scripts/gen-man.mjs.\n.TH CRIT 1 "" "crit ${version}" "User Commands"\n`,
    '.SH NAME\ncrit \\- checkpoint and restore processes; look into their images\n',
    `.SH SYNOPSIS\n${usages.map((usage) => `.B crit\n${roff(usage)}\n`).join('.br\n')}`,
    `.SH DESCRIPTION\n${roff(ABOUT)}\n.PP\n`,
    'Restoring an image runs what is in it, with the rights that are in it: restore only what you trust.\n',
    '.SH COMMANDS\n',
    ...CRIU_COMMAND_TEXTS.map((text) => item(text.name, `${text.describe}.`)),
    ...commands.map((command) => item(usageOf(command), `${command.describe}.`)),
    item('help [COMMAND]', 'print help.'),
    item('version', 'print the version.'),
    '.SH OPTIONS OF DUMP, RESTORE AND CHECK\n',
    'As CRIU\\(aqs; long ones may be abbreviated, and stand before or behind the command.\n',
    ...supported.map((option) => item(writtenAs(option), `${option.what}. (${commandsOf(option).join(', ')})`)),
    ...commands.map(
      (command) =>
        `.SH ${roff(`ARGUMENTS AND OPTIONS OF ${command.name.toUpperCase()}`)}\n${[
          ...command.positionals.map(({ name, describe }) => item(name.toUpperCase(), `${describe}.`)),
          ...command.options.map((option) => item(optionAs(option), `${option.describe}.`)),
          item('-h, --help', 'print help.'),
        ].join('')}`,
    ),
    `.SH NOT SUPPORTED YET\n${roff(later.map((option) => `--${option.name}`).join(', '))}.\n`,
    `.SH EXIT STATUS\n${roff(EXIT_STATUS)}\n`,
    '.SH FILES\n',
    item('/etc/criu/default.conf, ~/.criu/default.conf', 'configuration: a long option without its dashes per line.'),
    '.SH ENVIRONMENT\n',
    item('CRIU_CONFIG_FILE', 'one more configuration file.'),
    item('NODE_DEBUG=crit', 'print the stack behind an error.'),
    item('NO_COLOR', 'no colour on terminals.'),
    '.SH EXAMPLES\n',
    ...CRIU_COMMAND_TEXTS.flatMap(({ examples }) => examples.map(example)),
    ...commands.flatMap(({ examples }) => examples.map(example)),
    '.SH SEE ALSO\n.BR criu (8)\n',
  ].join('');
}
