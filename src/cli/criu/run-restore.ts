import { existsSync } from 'node:fs';
import { CritError } from '../../image/errors.js';
import { nowMs } from '../../image/clock.js';
import type { Log } from '../../image/log.js';
import { ERRNO } from '../../kernel/errno.js';
import { __WALL } from '../../kernel/wait.js';
import { sysRaw } from '../../native/sys.js';
import { readImage } from '../../decode/image-reader.js';
import { restore } from '../../restore/restore.js';
import { warn } from '../stdout.js';
import { actionScripts, spawner } from './action-scripts.js';
import { enterWorkDirectory, imagesDirectory } from './directories.js';
import { errorText } from './error-text.js';
import { becomeCommand, checkCommand } from './exec-command.js';
import { checkPrivileges } from './privileges.js';
import { runEngine } from './run-engine.js';
import type { Settings } from './settings.js';
import { writeStats } from './stats-file.js';

/** The pid of the root task, for the scripts that run when it is there. */
function rootPid(imagesDir: string, log: Log): (action: string) => number | undefined {
  return (action) => {
    if (action === 'pre-restore') return undefined;
    try {
      return readImage(imagesDir, 'PSTREE').entries[0]?.message.pid;
    } catch (error) {
      log.debug(`no pid for the ${action} scripts: ${errorText(error)}`);
      return undefined;
    }
  };
}

/** A pidfile is made, never written over: the file may be another's. */
function checkPidfile(pidfile: string | undefined): void {
  if (pidfile === undefined || !existsSync(pidfile)) return;
  throw new CritError(`the pidfile ${pidfile} exists already: remove it, or name another one`, { code: 'PIDFILE' });
}

/** Waits until no restored task is left that is a child of crit. */
function waitForTasks(): void {
  for (;;) {
    const pid = sysRaw('wait4', -1, null, __WALL, null);
    if (pid < 0 && pid !== -ERRNO.EINTR) return;
  }
}

/** `crit restore`. @returns the exit status; does not return when --exec-cmd succeeds */
export async function runRestore(settings: Settings, warnings: readonly string[]): Promise<number> {
  const imagesDir = imagesDirectory(settings.imagesDir, 'read');
  enterWorkDirectory(settings.workDir ?? imagesDir);
  const spawn = await spawner(settings.scripts);
  const status = await runEngine('restore', settings, warnings, ({ log, stats }) => {
    if (!settings.dryRun) {
      checkPrivileges();
      checkPidfile(settings.pidfile);
      if (settings.execCmd) checkCommand(settings.execCmd);
    }
    const whole = nowMs();
    restore(
      {
        imagesDir,
        shellJob: settings.shellJob,
        detached: settings.detached,
        sibling: settings.sibling,
        leaveStopped: settings.finalState === 'stopped',
        pidfile: settings.pidfile,
        linkRemap: settings.linkRemap,
        evasiveDevices: settings.evasiveDevices,
        execCmd: settings.execCmd,
        dryRun: settings.dryRun,
        action: actionScripts(settings.scripts, spawn, imagesDir, rootPid(imagesDir, log), log, () => {
          stats.checkpoint();
        }),
      },
      log,
      stats,
    );
    if (settings.dryRun) return;
    writeStats('restore', stats, settings.displayStats, log);
    log.info(`the whole restore: ${Math.round((nowMs() - whole) * 1000)} us`);
  });
  if (status !== 0 || settings.dryRun) return status;
  if (settings.execCmd) {
    // The tasks run already, as children of whatever crit becomes: this error leaves them alone.
    warn(`crit: ${errorText(becomeCommand(settings.execCmd))}`);
    return 1;
  }
  if (!settings.detached) waitForTasks();
  return 0;
}
