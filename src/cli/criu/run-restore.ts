import { accessSync, constants, lstatSync } from 'node:fs';
import path from 'node:path';
import { CritError } from '../../image/errors.js';
import { nowMs } from '../../image/clock.js';
import type { Log } from '../../image/log.js';
import { readImage } from '../../decode/image-reader.js';
import { finishCommit } from '../../dump/set/finish-commit.js';
import { JobTerminal } from '../../restore/job-terminal.js';
import { restore } from '../../restore/restore.js';
import { warn } from '../stdout.js';
import { actionScripts, spawner } from './action-scripts.js';
import { enterWorkDirectory, imagesDirectory } from './directories.js';
import { errorText } from './error-text.js';
import { becomeCommand, checkCommand } from './exec-command.js';
import { dryRestore } from './dry-restore.js';
import { checkPrivileges } from './privileges.js';
import { printResult } from './result.js';
import { runEngine } from './run-engine.js';
import type { Settings } from './settings.js';
import { stepAside } from './step-aside.js';
import { writeStats } from './stats-file.js';
import { RootWatch } from './wait-for-root.js';
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

/** `crit restore`. @returns the exit status, of a restore in the foreground that of the root task; does not return when --exec-cmd succeeds */
export async function runRestore(settings: Settings, warnings: readonly string[]): Promise<number> {
  const imagesDir = imagesDirectory(settings.imagesDir, 'read');
  finishCommit(imagesDir);
  if (!settings.dryRun) stepAside(imagesDir);
  enterWorkDirectory(settings.workDir ?? imagesDir);
  const spawn = await spawner(settings.scripts);
  let ended = 0;
  let dry = 0;
  const status = await runEngine('restore', settings, warnings, ({ log, stats }) => {
    const checkOwn = () => {
      checkPidfile(settings.pidfile);
      if (settings.execCmd) checkCommand(settings.execCmd);
    };
    if (!settings.dryRun) {
      checkPrivileges();
      checkOwn();
    }
    const whole = nowMs();
    const stays = !settings.dryRun && !settings.detached && !settings.execCmd;
    const terminal = stays && settings.shellJob ? JobTerminal.of(imagesDir) : undefined;
    let watch: RootWatch | undefined;
    const runScripts = actionScripts(settings.scripts, spawn, imagesDir, rootPid(imagesDir, log), log, () => {
      stats.checkpoint();
    });
    const options = {
      imagesDir,
      shellJob: settings.shellJob,
      detached: settings.detached,
      sibling: settings.sibling,
      leaveStopped: settings.finalState === 'stopped',
      pidfile: settings.pidfile,
      linkRemap: settings.linkRemap,
      evasiveDevices: settings.evasiveDevices,
      cgroups: settings.cgroups,
      fileValidation: settings.fileValidation,
      skipRwxCheck: settings.skipRwxCheck,
      execCmd: settings.execCmd,
      action: (name: string) => {
        runScripts(name);
        if (name !== 'pre-resume' || !stays) return;
        watch = new RootWatch();
        terminal?.handOver();
      },
    };
    if (settings.dryRun) {
      dry = dryRestore(options, [checkPrivileges, checkOwn], log, settings.json);
      return;
    }
    let root: number;
    try {
      root = restore(options, log, stats).rootPid;
    } catch (error) {
      terminal?.takeBack();
      throw error;
    }
    writeStats('restore', stats, settings.displayStats, log);
    log.info(`the whole restore: ${Math.round((nowMs() - whole) * 1000)} us`);
    if (settings.json)
      printResult({
        ok: true,
        pid: root,
        images: imagesDir,
        stats: stats.restoreEntry().restore,
      });
    if (!watch) return;
    log.flush();
    ended = watch.wait(root, terminal);
    terminal?.takeBack();
  });
  if (status !== 0 || settings.dryRun) return status || dry;
  if (settings.execCmd) {
    // The tasks run already, as children of whatever crit becomes: this error leaves them alone.
    warn(`crit: ${errorText(becomeCommand(settings.execCmd))}`);
    return 1;
  }
  return ended;
}
