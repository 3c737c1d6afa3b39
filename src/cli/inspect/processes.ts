import type { Overview, ProcessOverview } from '../../inspect/overview/overview.js';
import { byLine, type Section, table } from './section.js';

/** Generations that are shown by indentation; a number stands for those above. */
const MAX_INDENT = 24;

const indent = (depth: number): string =>
  depth <= MAX_INDENT ? '  '.repeat(depth) : `${'  '.repeat(MAX_INDENT)}(${depth}) `;

/** What a process was started with, or else its name as ps(1) shows it. */
function command({ cmdline, comm }: ProcessOverview): string {
  const words = cmdline?.map((word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : JSON.stringify(word))).join(' ');
  return words === undefined || words === '' ? `[${comm ?? '?'}]` : words;
}

export function tree({ processes }: Overview): Section[] {
  const state = ({ state, ended }: ProcessOverview) => (ended === undefined ? (state ?? '?') : `zombie (${ended})`);
  return table(
    'PROCESSES',
    ['PID', 'PPID', 'PGID', 'SID', 'THREADS', 'STATE', 'COMMAND'],
    [0, 1, 2, 3, 4],
    processes.map((process) => [
      process.pid,
      process.ppid,
      process.pgid,
      process.sid,
      process.tids.length,
      state(process),
      `${indent(process.depth)}${command(process)}`,
    ]),
  );
}

export const cmdline = byLine(
  'COMMAND LINES',
  ({ cmdline }) => (cmdline ?? []).map((word, i) => [i, word]),
  ['N', 'ARGUMENT'],
  [0],
);

export const env = byLine('ENVIRONMENT', ({ env }) => (env ?? []).map((word) => [word]), ['VARIABLE'], []);

export const auxv = byLine(
  'AUXILIARY VECTOR',
  ({ auxv }) => (auxv ?? []).map(({ name, value }) => [name, `0x${value.toString(16)}`]),
  ['NAME', 'VALUE'],
  [],
);
