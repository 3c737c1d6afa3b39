import { ImageDir } from '../encode/image-dir.js';
import { finishCommit } from '../dump/set/finish-commit.js';
import { nowMs } from '../image/clock.js';
import type { Log } from '../image/log.js';
import type { RestoreOptions } from '../restore/context.js';
import { JobTerminal } from '../restore/job-terminal.js';
import { plan, restore } from '../restore/restore.js';
import { actionScripts, type Scripts } from './action-scripts.js';
import { checkCpuinfo } from './cpuinfo.js';
import { checkPidfile } from './check-pidfile.js';
import { imagesDirectory } from './directories.js';
import { errorText } from './error-text.js';
import { checkCommand } from './exec-command.js';
import { failing, type Check, type Plan } from './plan.js';
import { checkPrivileges } from './privileges.js';
import type { Run } from './run.js';
import { writeStats } from './stats-file.js';
import { stepAside } from './step-aside.js';
import { RootWatch } from './wait-for-root.js';

/** A restore, and what is to be around it. */
export interface RestoreRequest {
  readonly options: Omit<RestoreOptions, 'action'>;
  readonly scripts: Scripts;
  /** Where stats-restore goes, if anywhere. */
  readonly statsDir?: string;
}

/** The restored tree. */
export interface Restored {
  readonly rootPid: number;
  /** There when crit stays in the foreground: waits for the root's end. @returns the exit status */
  readonly wait?: () => number;
}

/**
 * The images directory as a restore needs it, and crit out of the way of the pids that the images want: crit may execute
 * itself again, so this comes first of all.
 * @param keep descriptors that it keeps then, besides the standard ones
 * @returns its absolute path
 */
export function prepareRestore(dir: string, dryRun: boolean, keep: readonly number[] = []): string {
  const imagesDir = imagesDirectory(dir, 'read');
  finishCommit(imagesDir);
  if (!dryRun) stepAside(imagesDir, keep);
  return imagesDir;
}

/** What can be told before the images are read. */
export const restoreChecks = ({ pidfile, execCmd, cpuCaps, imagesDir }: RestoreRequest['options']): Check[] => [
  checkPrivileges,
  () => {
    checkPidfile(pidfile);
  },
  () => {
    if (execCmd) checkCommand(execCmd);
  },
  () => {
    if (cpuCaps) checkCpuinfo(imagesDir, cpuCaps);
  },
];

/** The pid of the root task, for the scripts that run when it is there. */
function rootPid(imagesDir: string, log: Log): (action: string) => number | undefined {
  return (action) => {
    if (action === 'pre-restore') return undefined;
    try {
      return new ImageDir(imagesDir).read('PSTREE').entries[0]?.message.pid;
    } catch (error) {
      log.debug(`no pid for the ${action} scripts: ${errorText(error)}`);
      return undefined;
    }
  };
}

/** Restores a tree, with action scripts and statistics. @throws CritError */
export function performRestore({ options, scripts, statsDir }: RestoreRequest, run: Run): Restored {
  for (const check of restoreChecks(options)) check();
  const { log, stats } = run;
  const { imagesDir } = options;
  const whole = nowMs();
  const stays = !options.detached && !options.execCmd;
  const terminal =
    stays && options.shellJob
      ? JobTerminal.of(new ImageDir(imagesDir, { strict: true }), options.inheritFds)
      : undefined;
  let watch: RootWatch | undefined;
  const runScripts = actionScripts(scripts, imagesDir, rootPid(imagesDir, log), run);
  const action = (name: string) => {
    runScripts(name);
    if (name !== 'pre-resume' || !stays) return;
    watch = new RootWatch();
    terminal?.handOver();
  };
  let root: number;
  try {
    root = restore({ ...options, action }, log, stats).rootPid;
  } catch (error) {
    terminal?.takeBack();
    throw error;
  }
  if (statsDir !== undefined) writeStats('restore', statsDir, run);
  log.info(`the whole restore: ${Math.round((nowMs() - whole) * 1000)} us`);
  if (!watch) return { rootPid: root };
  const watching = watch;
  return {
    rootPid: root,
    wait: () => {
      const status = watching.wait(root, terminal);
      terminal?.takeBack();
      return status;
    },
  };
}

/** Reads and checks the images; nothing is started. */
export function planRestore(options: Omit<RestoreOptions, 'action'>, checks: readonly Check[], log: Log): Plan {
  const before = failing(checks);
  const { lines, obstacles } = plan({ ...options, action: () => undefined }, log);
  return { lines, obstacles: [...before, ...obstacles] };
}
