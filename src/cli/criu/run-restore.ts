import { loadScripts } from '../../run/action-scripts.js';
import { enterWorkDirectory } from '../../run/directories.js';
import { errorText } from '../../run/error-text.js';
import { becomeCommand } from '../../run/exec-command.js';
import { RESTORE_DEFAULTS } from '../../run/options.js';
import { performRestore, planRestore, prepareRestore, restoreChecks, type RestoreRequest } from '../../run/restore.js';
import { warn } from '../stdout.js';
import { displayStats } from './display-stats.js';
import { showPlan } from './show-plan.js';
import { printResult } from './result.js';
import { runEngine } from './run-engine.js';
import type { Settings } from './settings.js';

/** What the command line asks of a restore. */
function restoreOptions(settings: Settings, imagesDir: string): RestoreRequest['options'] {
  return {
    imagesDir,
    shellJob: settings.shellJob,
    detached: settings.detached,
    sibling: settings.sibling,
    leaveStopped: settings.finalState === 'stopped',
    pidfile: settings.pidfile,
    cgroups: settings.cgroups,
    fileValidation: settings.fileValidation,
    skipRwxCheck: settings.skipRwxCheck,
    extUnixSk: settings.extUnixSk,
    weakSysctls: settings.weakSysctls,
    cpuCaps: settings.cpuCap.image ? settings.cpuCap.compared : undefined,
    inheritFds: settings.inheritFds,
    tcpEstablished: settings.tcpEstablished,
    tcpClose: settings.tcpClose,
    allowUprobes: settings.allowUprobes,
    fileLocks: settings.fileLocks ?? RESTORE_DEFAULTS.fileLocks,
    execCmd: settings.execCmd,
  };
}

/** `crit restore`. @returns the exit status, of a restore in the foreground that of the root task; does not return when --exec-cmd succeeds */
export async function runRestore(settings: Settings, warnings: readonly string[]): Promise<number> {
  const imagesDir = prepareRestore(settings.imagesDir, settings.dryRun, [...settings.inheritFds.values()]);
  enterWorkDirectory(settings.workDir ?? imagesDir);
  const scripts = await loadScripts(settings.scripts);
  const options = restoreOptions(settings, imagesDir);
  let ended = 0;
  const status = await runEngine('restore', settings, warnings, (run) => {
    if (settings.dryRun) {
      ended = showPlan(planRestore(options, restoreChecks(options), run.log), run.log, settings.json);
      return;
    }
    const { rootPid, wait } = performRestore({ options, scripts, statsDir: '.' }, run);
    if (settings.displayStats) displayStats('restore', run);
    if (settings.json)
      printResult({ ok: true, pid: rootPid, images: imagesDir, stats: run.stats.restoreEntry().restore });
    if (!wait) return;
    run.log.flush();
    ended = wait();
  });
  if (status !== 0 || settings.dryRun) return status || ended;
  if (settings.execCmd) {
    // The tasks run already, as children of whatever crit becomes: this error leaves them alone.
    warn(`crit: ${errorText(becomeCommand(settings.execCmd))}`);
    return 1;
  }
  return ended;
}
