import type { CgroupMode } from '../../image/cgroup-mode.js';
import { DUMP_DEFAULTS, RESTORE_DEFAULTS } from '../../run/options.js';
import { UsageError } from '../usage-error.js';
import { COMMANDS, LATER_COMMANDS, type CriuCommand } from './command-table.js';
import { getopt, type Given } from './getopt.js';
import { optionSources, type Source } from './config-file.js';
import { parseCount, parsePid, parseSize, parseValidation, parseVerbosity } from './values.js';

/** What a command line and the configuration files ask for. */
export interface Settings {
  command: CriuCommand;
  tree: number | undefined;
  imagesDir: string;
  workDir: string | undefined;
  logFile: string | undefined;
  /** 0 nothing, 1 errors, 2 warnings, 3 information, 4 everything. */
  verbosity: number;
  /** What becomes of the tasks in the end; undefined: dump ends them, restore lets them run. */
  finalState: 'running' | 'stopped' | undefined;
  shellJob: boolean;
  detached: boolean;
  sibling: boolean;
  pidfile: string | undefined;
  ghostLimitBytes: number;
  linkRemap: boolean;
  evasiveDevices: boolean;
  cgroups: CgroupMode;
  fileValidation: 'filesize' | 'buildid' | 'none';
  skipRwxCheck: boolean;
  timeoutSec: number;
  sync: boolean;
  displayStats: boolean;
  /** Action scripts in the order in which they run: the last one given runs first, as for CRIU. */
  scripts: string[];
  /** The command behind --exec-cmd; undefined without. */
  execCmd: readonly string[] | undefined;
  dryRun: boolean;
  /** The result is one JSON object on standard output. */
  json: boolean;
  features: string[];
  extra: boolean;
  experimental: boolean;
}

/** A command line that asks for nothing but words. */
export type Asked = { kind: 'run'; settings: Settings; warnings: string[] } | { kind: 'help' } | { kind: 'version' };

type Values = Omit<Settings, 'command' | 'execCmd'> & { execCmd: boolean };

const DEFAULTS: Values = {
  tree: undefined,
  imagesDir: '.',
  workDir: undefined,
  logFile: undefined,
  verbosity: 2,
  finalState: undefined,
  shellJob: DUMP_DEFAULTS.shellJob,
  detached: false,
  sibling: false,
  pidfile: RESTORE_DEFAULTS.pidfile,
  ghostLimitBytes: DUMP_DEFAULTS.ghostLimitBytes,
  linkRemap: DUMP_DEFAULTS.linkRemap,
  evasiveDevices: DUMP_DEFAULTS.evasiveDevices,
  cgroups: DUMP_DEFAULTS.cgroups,
  fileValidation: DUMP_DEFAULTS.fileValidation,
  skipRwxCheck: RESTORE_DEFAULTS.skipRwxCheck,
  timeoutSec: DUMP_DEFAULTS.timeoutSec,
  sync: DUMP_DEFAULTS.sync,
  displayStats: false,
  scripts: [],
  execCmd: false,
  dryRun: false,
  json: false,
  features: [],
  extra: false,
  experimental: false,
};

type Setter = (values: Values, argument: string, on: boolean, as: string) => void;

/** What each supported option sets. help, version and the configuration files are dealt with elsewhere. */
const SETTERS: Readonly<Record<string, Setter>> = {
  tree: (v, text, _, as) => (v.tree = parsePid(text, as)),
  'images-dir': (v, text, _, as) => (v.imagesDir = notEmpty(text, as)),
  'work-dir': (v, text, _, as) => (v.workDir = notEmpty(text, as)),
  'log-file': (v, text, _, as) => (v.logFile = notEmpty(text, as)),
  pidfile: (v, text, _, as) => (v.pidfile = notEmpty(text, as)),
  'action-script': (v, text, _, as) => v.scripts.unshift(notEmpty(text, as)),
  'display-stats': (v, _text, on) => (v.displayStats = on),
  'leave-running': (v) => (v.finalState = 'running'),
  'leave-stopped': (v) => (v.finalState = 'stopped'),
  'shell-job': (v, _text, on) => (v.shellJob = on),
  'restore-detached': (v, _text, on) => (v.detached = on),
  'restore-sibling': (v, _text, on) => (v.sibling = on),
  'exec-cmd': (v) => (v.execCmd = true),
  'dry-run': (v) => (v.dryRun = true),
  json: (v) => (v.json = true),
  'ghost-limit': (v, text, _, as) => (v.ghostLimitBytes = parseSize(text, as)),
  'link-remap': (v, _text, on) => (v.linkRemap = on),
  'evasive-devices': (v, _text, on) => (v.evasiveDevices = on),
  'manage-cgroups': (v, text, _, as) => (v.cgroups = parseCgroupMode(text, as)),
  'file-validation': (v, text, _, as) => (v.fileValidation = parseValidation(text, as)),
  'skip-file-rwx-check': (v, _text, on) => (v.skipRwxCheck = on),
  timeout: (v, text, _, as) => (v.timeoutSec = parseCount(text, as)),
  sync: (v, _text, on) => (v.sync = on),
  feature: (v, text) => v.features.push(text),
  extra: (v, _text, on) => (v.extra = on),
  experimental: (v, _text, on) => (v.experimental = on),
  all: (v) => (v.extra = v.experimental = true),
};

/** Names of the options that `readSettings` understands, for the test of the table. */
export const UNDERSTOOD: readonly string[] = [
  ...Object.keys(SETTERS),
  'verbosity',
  'help',
  'version',
  'config',
  'no-default-config',
];

/** CRIU's modes but for those that make control groups and set their properties. */
function parseCgroupMode(text: string, as: string): CgroupMode {
  if (text === '' || text === 'soft') return 'soft';
  if (text === 'ignore') return 'ignore';
  if (['none', 'props', 'full', 'strict'].includes(text)) throw new UsageError(`${as}=${text} is not supported yet`);
  throw new UsageError(`option ${as}: "${text}" is no mode: soft, ignore`);
}

function notEmpty(text: string, as: string): string {
  if (text === '') throw new UsageError(`option ${as} needs an argument that is not empty`);
  return text;
}

function apply(values: Values, given: Given): void {
  const { option, as, negated, argument } = given;
  // What crit does not do, it can leave undone.
  if (option.support !== 'yes' && negated) return;
  if (option.support !== 'yes') throw new UsageError(`option ${as} is not supported yet`);
  if (option.name === 'verbosity') values.verbosity = parseVerbosity(argument, values.verbosity, as);
  else SETTERS[option.name]?.(values, argument ?? '', !negated, as);
}

/** Reads one source. @returns its words, or what to print instead of doing anything */
function readSource(values: Values, source: Source): string[] | 'help' | 'version' {
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
  const values: Values = { ...DEFAULTS, scripts: [], features: [] };
  let words: string[] = [];
  for (const source of optionSources(argv, (text) => warnings.push(text), env)) {
    const read = readSource(values, source);
    if (typeof read === 'string') return { kind: read };
    words = read;
  }
  const [command, ...operands] = words;
  const { execCmd: _asked, ...rest } = values;
  const settings: Settings = {
    ...rest,
    command: whichCommand(command),
    execCmd: execCommand(command, operands, values),
  };
  if (settings.sibling && !settings.detached)
    throw new UsageError('--restore-sibling only makes sense with --restore-detached');
  if (settings.dryRun && settings.command === 'check') throw new UsageError('--dry-run is for dump and restore');
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

function execCommand(
  command: string | undefined,
  operands: readonly string[],
  values: Values,
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
