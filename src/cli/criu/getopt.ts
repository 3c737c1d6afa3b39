import { UsageError } from '../usage-error.js';
import { closest } from '../closest.js';
import { OPTIONS, type CriuOption } from './option-table.js';

/** One option as it was given. */
export interface Given {
  readonly option: CriuOption;
  /** As it was written, for messages: `--tree`, `-t`, `--no-shell-job`. */
  readonly as: string;
  /** --no-NAME. */
  readonly negated: boolean;
  readonly argument: string | undefined;
}

/** A long name that may be written: the option's own, or its negation. */
interface LongName {
  readonly name: string;
  readonly option: CriuOption;
  readonly negated: boolean;
}

const LONG: readonly LongName[] = OPTIONS.flatMap((option) => [
  { name: option.name, option, negated: false },
  ...(option.negatable ? [{ name: `no-${option.name}`, option, negated: true }] : []),
]);
const SHORT: ReadonlyMap<string, CriuOption> = new Map(
  OPTIONS.flatMap((option) => (option.short ? [[option.short, option] as const] : [])),
);

/** A whole long name, or the beginning of just one. */
function longName(word: string): LongName {
  const exact = LONG.find((long) => long.name === word);
  if (exact) return exact;
  const found = word === '' ? [] : LONG.filter((long) => long.name.startsWith(word));
  if (found.length === 1) return found[0]!;
  if (found.length > 1) {
    const names = found.map((long) => `--${long.name}`).join(', ');
    throw new UsageError(`option --${word} is ambiguous: ${names}`);
  }
  const near = closest(
    word,
    LONG.map((long) => long.name),
  );
  throw new UsageError(`unknown option --${word}${near === undefined ? '' : `; is --${near} meant?`}`);
}

/**
 * Takes a command line apart as getopt_long(3) does: short options in clusters, long ones abbreviated, arguments attached
 * or following, options and words in any order, `--` before what are words whatever they look like. With POSIXLY_CORRECT
 * in the environment options end at the first word. Options are yielded as they come, so that what stands before a
 * mistake is still seen; the words are the generator's result.
 * @throws UsageError
 */
export function* getopt(
  argv: readonly string[],
  env: NodeJS.ProcessEnv = process.env,
): Generator<Given, string[], undefined> {
  const words: string[] = [];
  for (let i = 0; i < argv.length; i++) {
    const word = argv[i]!;
    const next = (as: string): string => {
      const argument = argv[++i];
      if (argument === undefined) throw new UsageError(`option ${as} needs an argument`);
      return argument;
    };
    if (word === '--') return [...words, ...argv.slice(i + 1)];
    if (!word.startsWith('-') || word === '-') {
      if (env['POSIXLY_CORRECT'] !== undefined) return [...words, ...argv.slice(i)];
      words.push(word);
    } else if (word.startsWith('--')) {
      const equals = word.indexOf('=');
      const { option, name, negated } = longName(word.slice(2, equals < 0 ? undefined : equals));
      let argument = equals < 0 ? undefined : word.slice(equals + 1);
      const as = `--${name}`;
      if (option.argument === 'none' && argument !== undefined) throw new UsageError(`option ${as} takes no argument`);
      if (option.argument === 'required') argument ??= next(as);
      yield { option, as, negated, argument };
    } else {
      for (let at = 1; at < word.length; at++) {
        const option = SHORT.get(word[at]!);
        const as = `-${word[at]!}`;
        if (!option) throw new UsageError(`unknown option ${as}${word.length > 2 ? ` in ${word}` : ''}`);
        let argument: string | undefined;
        if (option.argument !== 'none') {
          argument = at + 1 < word.length ? word.slice(at + 1) : undefined;
          if (option.argument === 'required') argument ??= next(as);
          at = word.length;
        }
        yield { option, as, negated: false, argument };
      }
    }
  }
  return words;
}
