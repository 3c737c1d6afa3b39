import { UsageError } from '../usage-error.js';
import { COMMANDS, LATER_COMMANDS, type CriuCommand } from './command-table.js';
import { getopt, type Given } from './getopt.js';
import { optionSources, type Source } from './config-file.js';
import { defaultValues, type OptionValues } from './option-values.js';

/** What a command line and the configuration files ask for. */
export interface Settings extends Omit<OptionValues, 'execCmd'> {
  command: CriuCommand;
  /** The word behind `cpuinfo`: dump or check; empty for other commands. */
  subcommand: string;
  /** The command behind --exec-cmd; undefined without. */
  execCmd: readonly string[] | undefined;
}

/** A command line that asks for nothing but words. */
export type Asked = { kind: 'run'; settings: Settings; warnings: string[] } | { kind: 'help' } | { kind: 'version' };

function apply(values: OptionValues, { option, as, negated, argument }: Given): void {
  // What crit does not do, it can leave undone.
  if (option.support !== 'yes' && negated) return;
  if (option.support !== 'yes') throw new UsageError(`option ${as} is not supported yet`);
  option.set?.(values, argument, !negated, as);
}

/** Reads one source. @returns its words, or what to print instead of doing anything */
function readSource(values: OptionValues, source: Source): string[] | 'help' | 'version' {
  try {
    const given = getopt(source.argv);
    for (;;) {
      const step = given.next();
      if (step.done) return step.value;
      if (step.value.option.name === 'help' || step.value.option.name === 'version') return step.value.option.name;
      apply(values, step.value);
    }
  } catch (error) {
    if (source.file !== undefined && error instanceof UsageError)
      throw new UsageError(`${source.file}: ${error.message}`);
    throw error;
  }
}

/** Whether help is asked for: that goes before any mistake. */
function wantsHelp(argv: readonly string[]): boolean {
  const end = argv.indexOf('--');
  return argv.slice(0, end < 0 ? undefined : end).some((word) => word === '-h' || word === '--help');
}

/**
 * Reads the configuration files and the command line.
 * @param argv what follows the executable's name
 * @throws UsageError
 */
export function readSettings(argv: readonly string[], env: NodeJS.ProcessEnv = process.env): Asked {
  if (wantsHelp(argv)) return { kind: 'help' };
  const warnings: string[] = [];
  const values = defaultValues();
  let words: string[] = [];
  for (const source of optionSources(argv, (text) => warnings.push(text), env)) {
    const read = readSource(values, source);
    if (typeof read === 'string') return { kind: read };
    words = read;
  }
  const [command, ...operands] = words;
  const { execCmd: _asked, ...rest } = values;
  const subcommand = command === 'cpuinfo' ? whichOfCpuinfo(operands.shift()) : '';
  const settings: Settings = {
    ...rest,
    command: whichCommand(command),
    subcommand,
    execCmd: execCommand(command, operands, values),
  };
  if (settings.sibling && !settings.detached)
    throw new UsageError('--restore-sibling only makes sense with --restore-detached');
  if (settings.dryRun && settings.command !== 'dump' && settings.command !== 'restore')
    throw new UsageError('--dry-run is for dump and restore');
  if (settings.pidfile !== undefined && settings.command !== 'restore')
    warnings.push('--pidfile means nothing here: it is for restore');
  if (settings.json && settings.logFile === '-')
    throw new UsageError('--json and the log (-o -) both want standard output: name a file for the log');
  if (settings.command === 'dump' && settings.tree === undefined) throw new UsageError('dump needs -t PID');
  if (settings.command === 'restore' && settings.tree !== undefined)
    warnings.push('-t means nothing to restore: the pids are those of the images');
  if (settings.command === 'restore' && settings.detached && settings.finalState === 'stopped' && settings.shellJob)
    warnings.push('a shell job that is left stopped and detached gets SIGHUP from the kernel');
  return { kind: 'run', settings, warnings };
}

function whichCommand(word: string | undefined): CriuCommand {
  if (word === undefined) throw new UsageError(`a command is missing: ${COMMANDS.join(', ')}`);
  const command = COMMANDS.find((name) => name === word);
  if (command) return command;
  if ((LATER_COMMANDS as readonly string[]).includes(word)) throw new UsageError(`${word} is not supported yet`);
  if (word === 'exec') throw new UsageError('exec is gone from CRIU, and crit does not have it');
  throw new UsageError(`unknown command ${word}`);
}

function whichOfCpuinfo(word: string | undefined): string {
  if (word === 'dump' || word === 'check') return word;
  throw new UsageError(`cpuinfo is followed by dump or check, not ${word === undefined ? 'nothing' : `"${word}"`}`);
}

function execCommand(
  command: string | undefined,
  operands: readonly string[],
  values: OptionValues,
): readonly string[] | undefined {
  if (!values.execCmd) {
    if (operands.length > 0) throw new UsageError(`${command ?? ''} takes no argument "${operands[0] ?? ''}"`);
    return undefined;
  }
  if (operands.length === 0) throw new UsageError('--exec-cmd needs a command behind "--"');
  if (command !== 'restore') throw new UsageError('--exec-cmd is for restore');
  if (values.detached) throw new UsageError('--exec-cmd and --restore-detached exclude each other');
  return operands;
}
