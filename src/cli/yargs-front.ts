import yargs, { type Argv } from 'yargs';
import { closest } from './closest.js';
import type { Command, ParsedArguments } from './command.js';
import { allCommands } from './commands.js';
import { CRIU_COMMAND_NAMES } from './criu/command-table.js';
import { versionLine } from '../run/package-version.js';
import { print } from './stdout.js';
import { UsageError } from './usage-error.js';

function addCommand(argv: Argv, command: Command, found: (args: ParsedArguments) => void): void {
  const positionals = command.positionals
    .map(({ name, optional, many }) => (optional ? `[${name}${many ? '..' : ''}]` : `<${name}${many ? '..' : ''}>`))
    .join(' ');
  argv.command(
    `${command.name} ${positionals}`.trim(),
    command.describe,
    (builder) => {
      for (const { name, describe, choices, optional } of command.positionals) {
        builder.positional(name, {
          describe,
          type: 'string',
          demandOption: !optional,
          ...(choices ? { choices: [...choices] } : {}),
        });
      }
      for (const { name, alias, type, describe, value } of command.options) {
        builder.option(name, {
          describe: value === undefined ? describe : `${describe} (${value})`,
          type,
          ...(alias === undefined ? {} : { alias }),
          ...(type === 'string' ? { requiresArg: true } : {}),
        });
      }
      for (const [line, what] of command.examples) builder.example(`$0 ${line}`, what);
      return builder;
    },
    (parsed) => {
      type Given = string | boolean | undefined;
      const all = (name: string) => [parsed[name] as Given | Given[]].flat().filter((given) => given !== undefined);
      const pick = (specs: readonly { readonly name: string }[]): Record<string, Given> =>
        Object.fromEntries(specs.map(({ name }) => [name, all(name).at(-1)]));
      const many = command.positionals.find((spec) => spec.many);
      found({
        positionals: pick(command.positionals.filter((spec) => !spec.many)) as Record<string, string | undefined>,
        words: many ? (all(many.name) as string[]) : [],
        options: pick(command.options),
        values: Object.fromEntries(
          command.options.filter((spec) => spec.many).map(({ name }) => [name, all(name) as string[]]),
        ),
      });
    },
  );
}

/** What is wrong with a command line that yargs does not take, as one line with a hint. */
function diagnose(argv: readonly string[], commands: readonly Command[], message: string): UsageError {
  const word = argv.find((arg) => !arg.startsWith('-'));
  const command = commands.find(({ name }) => name === word);
  if (!command) {
    if (word === undefined) {
      const option = argv[0];
      return option === undefined
        ? new UsageError("no command given: try 'crit show IMAGE', or see 'crit --help'")
        : new UsageError(`unknown option ${option}; see 'crit --help'`);
    }
    const hint = closest(word, [...commands.map(({ name }) => name), ...CRIU_COMMAND_NAMES]);
    const meant = hint === undefined ? '' : ` (did you mean ${hint}?)`;
    return new UsageError(`unknown command ${JSON.stringify(word)}${meant}; see 'crit --help'`);
  }
  const known = command.options.flatMap(({ name, alias }) => [
    `--${name}`,
    ...(alias === undefined ? [] : [`-${alias}`]),
  ]);
  const help = `see 'crit ${command.name} --help'`;
  const unknown = argv.find(
    (arg) => /^-./.test(arg) && !known.includes(arg.split('=')[0] ?? '') && !known.includes(arg.slice(0, 2)),
  );
  if (unknown !== undefined) {
    const hint = closest(unknown, known);
    return new UsageError(
      `${command.name}: unknown option ${unknown}${hint === undefined ? '' : ` (did you mean ${hint}?)`}; ${help}`,
    );
  }
  const needsValue = command.options.find(
    ({ name, alias, type }) => type === 'string' && [`--${name}`, `-${alias ?? ''}`].includes(argv.at(-1) ?? ''),
  );
  if (needsValue) {
    return new UsageError(
      `${command.name}: ${argv.at(-1) ?? ''} needs a value (${needsValue.value ?? 'text'}); ${help}`,
    );
  }
  const takesValue = (arg: string | undefined): boolean =>
    command.options.some(
      ({ name, alias, type }) => type === 'string' && (arg === `--${name}` || arg === `-${alias ?? ''}`),
    );
  const words = argv.filter((arg, i) => !/^-./.test(arg) && !takesValue(argv[i - 1])).slice(1);
  for (const [i, positional] of command.positionals.entries()) {
    const given = words[i];
    if (given === undefined && positional.optional) break;
    if (given === undefined || given === '') {
      const choices = positional.choices ? `: one of ${positional.choices.join(', ')}` : '';
      return new UsageError(`${command.name}: missing ${positional.name.toUpperCase()}${choices}; ${help}`);
    }
    if (positional.choices && !positional.choices.includes(given)) {
      const hint = closest(given, positional.choices);
      const meant = hint === undefined ? '' : ` (did you mean ${hint}?)`;
      const list = positional.choices.join(', ');
      return new UsageError(`${command.name}: ${JSON.stringify(given)} is not one of ${list}${meant}; ${help}`);
    }
  }
  const extra = command.positionals.some((spec) => spec.many) ? undefined : words[command.positionals.length];
  if (extra !== undefined)
    return new UsageError(`${command.name}: one argument too many: ${JSON.stringify(extra)}; ${help}`);
  return new UsageError(`${command.name}: ${message.replace(/\s+/g, ' ').trim()}; ${help}`);
}

/**
 * Parses with yargs: for help, for --version, and for a command line that parse-argv.ts did not take.
 * @returns the exit status
 * @throws UsageError with what is wrong and a hint
 */
export async function runYargs(argv: readonly string[]): Promise<number> {
  const commands = await allCommands();
  let chosen: { command: Command; args: ParsedArguments } | undefined;
  const cli = yargs()
    .scriptName('crit')
    .locale('en')
    .usage(
      '$0 COMMAND\n\nLooks into the image files of a process checkpoint, changes them, makes them, and restores them.\n' +
        'Image formats, file names and JSON are those of CRIU.',
    )
    .version(versionLine())
    .alias('help', 'h')
    .strict()
    .demandCommand(1)
    .wrap(Math.min(110, process.stdout.columns || 100))
    .example('$0 show core-1234.img', 'an image for people to read')
    .example('$0 decode -i core-1234.img -o core.json', 'an image as JSON ...')
    .example('$0 encode -i core.json -o core-1234.img', '... and back, byte for byte')
    .example('$0 x checkpoint/ ps', 'the processes in a checkpoint')
    .epilogue(
      `Commands of CRIU, with its options: ${CRIU_COMMAND_NAMES.join(', ')}.\nExit status: 0, or 1 with one line on standard error.`,
    )
    .exitProcess(false)
    .fail((message: string | null, error: Error | undefined) => {
      throw error ?? diagnose(argv, commands, message ?? 'cannot be understood');
    });
  for (const command of commands) addCommand(cli, command, (args) => (chosen = { command, args }));
  let output = '';
  try {
    await cli.parseAsync([...argv], {}, (_error, _parsed, text) => {
      output = text;
    });
  } catch (error) {
    if (error instanceof UsageError) throw error;
    throw diagnose(argv, commands, error instanceof Error ? error.message : String(error));
  }
  if (output !== '') {
    print(`${output}\n`);
    return 0;
  }
  return chosen ? chosen.command.run(chosen.args, allCommands) : 0;
}
