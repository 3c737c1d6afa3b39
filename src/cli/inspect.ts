import { overview, type Part } from '../inspect/overview/overview.js';
import { flag, value, type Command } from './command.js';
import { PART_OPTIONS } from './inspect/parts.js';
import type { Section } from './inspect/section.js';
import { jsonView } from './json-view.js';
import { openSource } from './open-image-dir.js';
import { oneLine } from './safe-text.js';
import { openSink, type Sink } from './sink.js';
import { warn } from './stdout.js';
import { drawTable, onTerminal } from './table.js';
import { UsageError } from './usage-error.js';

/** Prints sections, an empty line between two. A single one needs no title. */
export async function printSections(sink: Sink, sections: readonly Section[]): Promise<void> {
  const colour = (await onTerminal()) && !process.env['NO_COLOR'];
  for (const [i, { title, pairs = [], table }] of sections.entries()) {
    if (sections.length > 1) sink.write(`${i > 0 ? '\n' : ''}${colour ? `\x1b[1m${title}\x1b[0m` : title}\n`);
    const width = Math.max(...pairs.map(([name]) => name.length));
    for (const [name, text] of pairs) sink.write(`${name.padEnd(width)}  ${text}\n`);
    if (table) for await (const piece of drawTable(table)) sink.write(piece);
  }
}

/** A damaged set of thousands of processes has as many problems. */
const MAX_WARNINGS = 20;

/** What is wrong with images, for standard error. */
export function warnAll(problems: readonly string[]): void {
  for (const line of problems.slice(0, MAX_WARNINGS)) warn(`crit: warning: ${oneLine(line)}`);
  const more = problems.length - MAX_WARNINGS;
  if (more > 0) warn(`crit: warning: and ${more} more; --json has all of them`);
}

function pidOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (!/^[1-9]\d{0,9}$/.test(text))
    throw new UsageError(`inspect: -p takes the number of a process, not "${oneLine(text)}"`);
  return Number(text);
}

export const inspect: Command = {
  name: 'inspect',
  describe: 'show what is in a checkpoint: processes, memory, files, sockets and all the rest, in words',
  positionals: [
    { name: 'src', describe: 'a directory of images, a container checkpoint, or a .tar, .tar.gz, .tar.zst of one' },
  ],
  options: [
    { name: 'pid', alias: 'p', type: 'string', value: 'PID', describe: 'only this process' },
    { name: 'json', type: 'boolean', describe: 'print JSON' },
    ...PART_OPTIONS.map(({ name, describe }) => ({ name, type: 'boolean' as const, describe: `show ${describe}` })),
  ],
  examples: [
    ['inspect checkpoint/', 'all of it'],
    ['inspect web.tar.zst --ps-tree --sockets', 'two parts of a container checkpoint'],
    ['inspect checkpoint/ -p 1234 --env --json', 'the environment of one process, for another program'],
  ],
  run: async (args) => {
    const pid = pidOf(value(args, 'pid'));
    const asked = PART_OPTIONS.filter(({ name }) => flag(args, name));
    const shown = asked.length > 0 ? asked : PART_OPTIONS.filter(({ onlyAsked }) => !onlyAsked);
    const isAll = asked.length === 0 && flag(args, 'json');
    const parts = new Set<Part>((isAll ? PART_OPTIONS : shown).flatMap(({ needs }) => needs));
    const found = overview(openSource(args.positionals['src'] ?? '.'), { parts: [...parts], pid });
    if (pid !== undefined && found.processes.length === 0)
      throw new UsageError(`inspect: there is no process ${pid} in ${oneLine(args.positionals['src'] ?? '.')}`);
    const sink = openSink(undefined);
    if (flag(args, 'json')) sink.write(jsonView(found));
    else
      await printSections(
        sink,
        shown.flatMap(({ sections }) => sections(found)),
      );
    sink.commit();
    warnAll(found.problems);
    return 0;
  },
};
