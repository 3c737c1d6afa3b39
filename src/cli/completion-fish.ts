import type { CompletedCommand, Value } from './completion-words.js';

const quoted = (text: string): string => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;

function argument(value: Value): string {
  if (value === 'any') return '-x';
  if (typeof value !== 'string') return `-x -a ${quoted(value.join(' '))}`;
  return {
    file: '-r -F',
    directory: `-x -a ${quoted('(__fish_complete_directories)')}`,
    pid: `-x -a ${quoted('(__fish_complete_pids)')}`,
  }[value];
}

/** A place on the command line; -f keeps files out, -F lets them in. */
function place(value: Value): string {
  if (value === 'file') return '-F';
  return argument(value).replace('-x', '-f');
}

function flags(names: readonly string[]): string {
  return names.map((name) => (name.startsWith('--') ? `-l ${name.slice(2)}` : `-s ${name.slice(1)}`)).join(' ');
}

/** The completion of fish. */
export function fishScript(commands: readonly CompletedCommand[]): string {
  const line = (condition: string, rest: string): string => `complete -c crit -n ${quoted(condition)} ${rest}\n`;
  return [
    'complete -c crit -f\n',
    ...commands.map(({ name, what }) => line('__fish_use_subcommand', `-a ${name} -d ${quoted(what)}`)),
    line('__fish_use_subcommand', "-l help -d 'print help'"),
    line('__fish_use_subcommand', "-l version -d 'print the version'"),
    ...commands.flatMap(({ name, options, positionals }) => {
      const seen = `__fish_seen_subcommand_from ${name}`;
      return [
        ...options.map(({ names, what, value }) =>
          line(seen, `${flags(names)}${value === undefined ? '' : ` ${argument(value)}`} -d ${quoted(what)}`),
        ),
        ...positionals.map((value, i) =>
          line(`${seen}; and test (count (string match -v -- '-*' (commandline -opc))) -eq ${i + 2}`, place(value)),
        ),
      ];
    }),
  ].join('');
}
