/** One option of a subcommand. */
export interface OptionSpec {
  /** Long name, without dashes. */
  readonly name: string;
  /** One letter, without the dash. */
  readonly alias?: string;
  readonly type: 'boolean' | 'string';
  /** What the value is called in the help, e.g. FILE. */
  readonly value?: string;
  /** It may be given several times: `values`. Otherwise the last counts. */
  readonly many?: boolean;
  readonly describe: string;
}

/** One positional argument of a subcommand. */
export interface PositionalSpec {
  readonly name: string;
  readonly describe: string;
  /** It may be left out, and what follows it as well. */
  readonly optional?: boolean;
  /** The last one: all words from here on (at least one, unless it is optional), which are `words`. */
  readonly many?: boolean;
  /** What a shell completes; a word without one is a file, or a directory if it is called `dir`. */
  readonly completes?: 'any';
  readonly choices?: readonly string[];
}

export interface ParsedArguments {
  readonly positionals: Readonly<Record<string, string | undefined>>;
  /** What a positional that stands for many has. */
  readonly words: readonly string[];
  readonly options: Readonly<Record<string, string | boolean | undefined>>;
  /** All values of options that may be given several times, in their order. */
  readonly values: Readonly<Record<string, readonly string[]>>;
}

/**
 * A subcommand: what it takes, and what it does. The command line is parsed by parse-argv.ts when it is well formed, by
 * yargs when help or a hint is wanted; both read this.
 */
export interface Command {
  readonly name: string;
  readonly describe: string;
  readonly positionals: readonly PositionalSpec[];
  readonly options: readonly OptionSpec[];
  /** Command line (without "crit") and what it does. */
  readonly examples: readonly (readonly [line: string, what: string])[];
  /** @returns the exit status */
  /** @param allCommands loads every subcommand */
  readonly run: (args: ParsedArguments, allCommands: () => Promise<Command[]>) => number | Promise<number>;
}

export const flag = (args: ParsedArguments, name: string): boolean => args.options[name] === true;

export function value(args: ParsedArguments, name: string): string | undefined {
  const found = args.options[name];
  return typeof found === 'string' ? found : undefined;
}
