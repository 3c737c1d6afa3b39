import type { Command, OptionSpec, ParsedArguments } from './command.js';

/** `--pre` stands for `--pretty` as long as nothing else begins so: the Python crit takes such short forms. */
function findOption(options: readonly OptionSpec[], name: string): OptionSpec | undefined {
  const exact = options.find((option) => option.name === name);
  if (exact) return exact;
  const starting = options.filter((option) => option.name.startsWith(name));
  return starting.length === 1 ? starting[0] : undefined;
}

/**
 * Parses a command line that leaves no question open. Anything else (help wanted, an unknown option, a value missing)
 * gives undefined: yargs, which takes tens of milliseconds to load, then says what is wrong.
 * @param argv what follows the subcommand's name
 */
export function parseArgv(command: Command, argv: readonly string[]): ParsedArguments | undefined {
  const options: Record<string, string | boolean> = {};
  const values: Record<string, string[]> = {};
  const words: string[] = [];
  let onlyWords = false;
  for (let i = 0; i < argv.length; i++) {
    const word = argv[i] ?? '';
    if (onlyWords || !word.startsWith('-') || word === '-') {
      words.push(word);
    } else if (word === '--') {
      onlyWords = true;
    } else {
      const long = word.startsWith('--');
      const equals = long ? word.indexOf('=') : -1;
      const spec = long
        ? findOption(command.options, word.slice(2, equals < 0 ? undefined : equals))
        : command.options.find((option) => option.alias === word[1]);
      if (!spec) return undefined;
      let attached: string | undefined;
      if (equals >= 0) attached = word.slice(equals + 1);
      else if (!long && word.length > 2) attached = word.slice(2);
      if (spec.type === 'boolean') {
        if (attached !== undefined) return undefined;
        options[spec.name] = true;
      } else {
        const text = attached ?? argv[++i];
        if (text === undefined || text === '') return undefined;
        options[spec.name] = text;
        if (spec.many) (values[spec.name] ??= []).push(text);
      }
    }
  }
  const positionals: Record<string, string> = {};
  for (const [i, { name, choices, optional, many }] of command.positionals.entries()) {
    if (many) {
      const rest = words.splice(i);
      return (rest.length > 0 || optional) && !rest.includes('')
        ? { positionals, words: rest, options, values }
        : undefined;
    }
    const word = words[i];
    if (word === undefined && optional) break;
    if (word === undefined || word === '' || (choices && !choices.includes(word))) return undefined;
    positionals[name] = word;
  }
  return words.length > command.positionals.length ? undefined : { positionals, words: [], options, values };
}
