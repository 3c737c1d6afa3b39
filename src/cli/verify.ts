import { OPTIONS } from './criu/option-table.js';
import type { Finding } from '../inspect/verify/finding.js';
import { verify as verifySet, type Verification } from '../inspect/verify/verify.js';
import { counted } from '../image/count-words.js';
import type { Command } from './command.js';
import { flag } from './command.js';
import { jsonView } from './json-view.js';
import { openSource } from './open-image-dir.js';
import { safeText } from './safe-text.js';
import { openSink } from './sink.js';
import { isTerminal } from './terminal.js';

const place = ({ image, entry, field }: Finding): string =>
  [image, ...(entry === undefined ? [] : [`entry ${entry}`]), ...(field === undefined ? [] : [field])].join(', ');

/** A word of a command line, as a shell takes it. */
const word = (text: string): string => (/^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`);

/** crit does not know all options of CRIU yet, nor namespaces: then the command is CRIU's. */
function restoreLine(source: string, { restore, namespaces }: Verification): string {
  const later = restore.some(({ name }) => OPTIONS.find((option) => option.name === name)?.support !== 'yes');
  const tool = later || namespaces.some((kind) => kind !== 'time') ? 'criu' : 'crit';
  const options = restore.flatMap(({ name, value }) => [`--${name}`, ...(value === undefined ? [] : [value])]);
  return [tool, 'restore', '-D', source, ...new Set(options)].map(word).join(' ');
}

async function* lines(source: string, found: Verification): AsyncGenerator<string> {
  const { default: chalk } = (await isTerminal(1)) ? await import('chalk') : { default: undefined };
  const errors = found.findings.filter(({ severity }) => severity === 'error').length;
  for (const finding of found.findings) {
    const { severity, cause, todo } = finding;
    const head = `${severity} ${finding.code}`;
    const painted = chalk ? (severity === 'error' ? chalk.red(head) : chalk.yellow(head)) : head;
    yield `${painted} ${safeText(place(finding))}\n    ${safeText(cause)}\n    do: ${safeText(todo)}\n`;
  }
  for (const [rule, count] of Object.entries(found.more)) yield `${rule}: ${count} more like these\n`;
  const what = `${counted(found.nrTasks, 'task')}, ${counted(found.nrImages, 'image')}`;
  const rest = found.findings.length - errors;
  yield found.sound
    ? `${what}: sound${rest > 0 ? `, ${counted(rest, 'warning')}` : ''}\n`
    : `${what}: ${counted(errors, 'error')}${rest > 0 ? `, ${counted(rest, 'warning')}` : ''}\n`;
  if (!found.sound) return;
  yield `restore: ${safeText(restoreLine(source, found))}\n`;
  for (const { name, why } of found.restore) yield `    --${name}: ${safeText(why)}\n`;
}

export const verify: Command = {
  name: 'verify',
  describe: 'check whether a checkpoint will restore',
  positionals: [{ name: 'src', describe: 'a directory of images, or a .tar, .tar.gz or .tar.zst of one' }],
  options: [
    {
      name: 'host',
      type: 'boolean',
      describe: 'compare with this machine, too: files, pids, ports, processor, rights',
    },
    { name: 'json', type: 'boolean', describe: 'print the findings as JSON' },
  ],
  examples: [
    ['verify checkpoint/', 'everything that is wrong with the images, and the command that restores them'],
    ['verify checkpoint/ --host', 'also what of this machine is in the way'],
  ],
  run: async (args) => {
    const source = args.positionals['src'] ?? '.';
    const found = verifySet(openSource(source), { host: flag(args, 'host') });
    const sink = openSink(undefined);
    if (flag(args, 'json')) sink.write(jsonView(found));
    else for await (const line of lines(source, found)) sink.write(line);
    sink.commit();
    return found.sound ? 0 : 1;
  },
};
