import type { Command } from './command.js';
import { CRIU_COMMAND_TEXTS, optionsOf, whatFor } from './criu/criu-commands.js';
import { CRIU_FEATURES } from '../kernel/features/criu-features.js';

/** What stands behind an option or in a place: nothing that a shell could know, a file, a directory, a pid, one of some words. */
export type Value = 'any' | 'file' | 'directory' | 'pid' | readonly string[];

export interface CompletedOption {
  /** With dashes; the long one is the first. */
  readonly names: readonly string[];
  readonly what: string;
  /** Undefined: it takes none, or only one that is attached. */
  readonly value: Value | undefined;
}

/** A command line as a shell completes it. */
export interface CompletedCommand {
  readonly name: string;
  readonly what: string;
  readonly options: readonly CompletedOption[];
  readonly positionals: readonly Value[];
}

const VALUES: Readonly<Record<string, Value>> = {
  FILE: 'file',
  IMAGE: 'file',
  DIR: 'directory',
  PID: 'pid',
};

const HELP: CompletedOption = { names: ['--help', '-h'], what: 'print help', value: undefined };

function own(command: Command): CompletedCommand {
  return {
    name: command.name,
    what: command.describe,
    options: [
      ...command.options.map(({ name, alias, type, value, describe }) => ({
        names: [`--${name}`, ...(alias === undefined ? [] : [`-${alias}`])],
        what: describe,
        value: type === 'boolean' ? undefined : (VALUES[value ?? ''] ?? 'any'),
      })),
      HELP,
    ],
    positionals: command.positionals.map(
      ({ name, choices, completes }) => choices ?? completes ?? (name === 'dir' ? 'directory' : 'file'),
    ),
  };
}

const criu = (): CompletedCommand[] =>
  CRIU_COMMAND_TEXTS.map((command) => ({
    name: command.name,
    what: command.describe,
    options: optionsOf(command.name).map((option) => ({
      names: [
        `--${option.name}`,
        ...(option.short ? [`-${option.short}`] : []),
        ...(option.negatable ? [`--no-${option.name}`] : []),
      ],
      what: whatFor(option, command.name),
      value:
        option.argument !== 'required'
          ? undefined
          : option.name === 'feature'
            ? ['list', ...Object.keys(CRIU_FEATURES)]
            : (VALUES[option.value ?? ''] ?? 'any'),
    })),
    positionals: [],
  }));

/** Everything that can be completed. */
export function completedCommands(commands: readonly Command[]): CompletedCommand[] {
  const names = [...CRIU_COMMAND_TEXTS, ...commands].map(({ name }) => name);
  return [
    ...criu(),
    ...commands.map(own),
    { name: 'help', what: 'print help', options: [], positionals: [names] },
    { name: 'version', what: 'print the version', options: [], positionals: [] },
  ];
}
