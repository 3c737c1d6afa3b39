import { accessSync, constants, lstatSync } from 'node:fs';
import path from 'node:path';
import { CritError } from '../../image/errors.js';
import { nowMs } from '../../image/clock.js';
import type { Log } from '../../image/log.js';
import { ERRNO } from '../../kernel/errno.js';
import { SIGALRM, SIGHUP, SIGINT, SIGQUIT, SIGSET_BYTES, SIGTERM, SIGUSR1, SIGUSR2 } from '../../kernel/signal.js';
import { __WALL } from '../../kernel/wait.js';
import { sysRaw } from '../../native/sys.js';
import { readImage } from '../../decode/image-reader.js';
import { plan, restore } from '../../restore/restore.js';
import { print, warn } from '../stdout.js';
import { actionScripts, spawner } from './action-scripts.js';
import { enterWorkDirectory, imagesDirectory } from './directories.js';
import { errorText } from './error-text.js';
import { becomeCommand, checkCommand } from './exec-command.js';
import { checkPrivileges } from './privileges.js';
import { printResult } from './result.js';
import { runEngine } from './run-engine.js';
import type { Settings } from './settings.js';
import { stepAside } from './step-aside.js';
import { writeStats } from './stats-file.js';
import { whyFailed } from '../../image/system-words.js';

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
  if (pidfile === undefined) return;
  if (lstatSync(pidfile, { throwIfNoEntry: false }))
    throw new CritError(`the pidfile ${pidfile} exists already: remove it, or name another one`, { code: 'PIDFILE' });
  const dir = path.dirname(pidfile);
  try {
    accessSync(dir, constants.W_OK | constants.X_OK);
  } catch (error) {
    throw new CritError(`no pidfile can be made in ${dir} (${whyFailed(error)}): name another one`, {
      code: 'PIDFILE',
      cause: error,
    });
  }
}

/** What the terminal or the shell sends to a whole job, and what has a meaning to Node. */
const FOR_THE_TASKS = [SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGALRM];
const SIG_IGN = 1n;

/**
 * Waits until no restored task is left that is a child of crit. Signals that end a job are meant for the tasks, which
 * may catch them: crit stays until they end, or the shell would take the terminal back. A stop (^Z) it shares.
 */
function waitForTasks(): void {
  const ignore = new Uint8Array(BigUint64Array.of(SIG_IGN, 0n, 0n, 0n).buffer);
  for (const signal of FOR_THE_TASKS) sysRaw('rt_sigaction', signal, ignore, null, SIGSET_BYTES);
  for (;;) {
    const pid = sysRaw('wait4', -1, null, __WALL, null);
    if (pid < 0 && pid !== -ERRNO.EINTR) return;
  }
}

/** `crit restore`. @returns the exit status; does not return when --exec-cmd succeeds */
export async function runRestore(settings: Settings, warnings: readonly string[]): Promise<number> {
  const imagesDir = imagesDirectory(settings.imagesDir, 'read');
  if (!settings.dryRun) stepAside(imagesDir);
  enterWorkDirectory(settings.workDir ?? imagesDir);
  const spawn = await spawner(settings.scripts);
  const status = await runEngine('restore', settings, warnings, ({ log, stats }) => {
    if (!settings.dryRun) {
      checkPrivileges();
      checkPidfile(settings.pidfile);
      if (settings.execCmd) checkCommand(settings.execCmd);
    }
    const whole = nowMs();
    const options = {
      imagesDir,
      shellJob: settings.shellJob,
      detached: settings.detached,
      sibling: settings.sibling,
      leaveStopped: settings.finalState === 'stopped',
      pidfile: settings.pidfile,
      linkRemap: settings.linkRemap,
      evasiveDevices: settings.evasiveDevices,
      execCmd: settings.execCmd,
      action: actionScripts(settings.scripts, spawn, imagesDir, rootPid(imagesDir, log), log, () => {
        stats.checkpoint();
      }),
    };
    if (settings.dryRun) {
      const lines = plan(options, log);
      if (settings.json) printResult({ ok: true, plan: lines });
      else for (const line of lines) print(`${line}\n`);
      return;
    }
    restore(options, log, stats);
    writeStats('restore', stats, settings.displayStats, log);
    log.info(`the whole restore: ${Math.round((nowMs() - whole) * 1000)} us`);
    if (settings.json)
      printResult({
        ok: true,
        pid: rootPid(imagesDir, log)('post-restore'),
        images: imagesDir,
        stats: stats.restoreEntry().restore,
      });
    if (settings.detached || settings.execCmd) return;
    log.flush();
    waitForTasks();
  });
  if (status !== 0 || settings.dryRun) return status;
  if (settings.execCmd) {
    // The tasks run already, as children of whatever crit becomes: this error leaves them alone.
    warn(`crit: ${errorText(becomeCommand(settings.execCmd))}`);
    return 1;
  }
  return 0;
}
