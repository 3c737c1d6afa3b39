import { CritError } from '../image/errors.js';
import { CRIU_VERSION, packageVersion } from '../run/package-version.js';
import { COMMANDS } from './criu/command-table.js';
import { readSettings, type Asked } from './criu/settings.js';
import { print, warn } from './stdout.js';
import { UsageError } from './usage-error.js';

/** A mistake in the command line, on one line, with where to look. */
function usageLine(error: UsageError, argv: readonly string[]): string {
  if (error.message.endsWith('not supported yet')) return error.message;
  const command = COMMANDS.find((name) => argv.includes(name)) ?? 'dump';
  return `${error.message}; see 'crit ${command} --help'`;
}

const wantsJson = (argv: readonly string[]): boolean => {
  const end = argv.indexOf('--');
  return argv.slice(0, end < 0 ? undefined : end).includes('--json');
};

async function run(asked: Asked, argv: readonly string[]): Promise<number> {
  if (asked.kind === 'help') {
    print((await import('./criu/help.js')).helpText(argv));
    return 0;
  }
  if (asked.kind === 'version') {
    print(`Version: ${CRIU_VERSION}\ncrit ${packageVersion()}\n`);
    return 0;
  }
  const { settings, warnings } = asked;
  switch (settings.command) {
    case 'dump':
      return (await import('./criu/run-dump.js')).runDump(settings, warnings);
    case 'restore':
      return (await import('./criu/run-restore.js')).runRestore(settings, warnings);
    case 'check':
      for (const warning of warnings) warn(`crit: warning: ${warning}`);
      return (await import('./criu/check.js')).runCheck(settings);
    case 'cpuinfo':
      for (const warning of warnings) warn(`crit: warning: ${warning}`);
      return (await import('./criu/run-cpuinfo.js')).runCpuinfo(settings);
  }
}

/**
 * The commands that CRIU has (dump, restore, check, ...), with CRIU's command line.
 * @param argv the whole command line behind the executable's name
 * @returns the exit status, 0 or 1
 */
export async function runCriu(argv: readonly string[]): Promise<number> {
  try {
    return await run(readSettings(argv), argv);
  } catch (error) {
    if (!(error instanceof CritError)) throw error;
    const message = error instanceof UsageError ? usageLine(error, argv) : error.message;
    warn(`crit: ${message}`);
    if (wantsJson(argv)) (await import('./criu/result.js')).printResult({ ok: false, code: error.code, message });
    return 1;
  }
}
