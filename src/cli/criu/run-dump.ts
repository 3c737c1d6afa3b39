import path from 'node:path';
import type { DumpOptions } from '../../dump/context.js';
import { dump } from '../../dump/dump.js';
import { survey } from '../../dump/survey.js';
import { nowMs } from '../../image/clock.js';
import { CritError } from '../../image/errors.js';
import { checkTarget } from '../../dump/target.js';
import { STAGING } from '../../dump/set/place.js';
import { UsageError } from '../usage-error.js';
import { actionScripts, spawner } from './action-scripts.js';
import { enterWorkDirectory, imagesDirectory } from './directories.js';
import { checkPrivileges } from './privileges.js';
import { showObstacles } from './obstacles.js';
import { printResult } from './result.js';
import { runEngine } from './run-engine.js';
import type { Settings } from './settings.js';
import { writeStats } from './stats-file.js';
import { PAGE_SIZE } from '../../image/vma-status.js';

/** What the command line asks of a dump. */
function dumpOptions(settings: Settings, pid: number, imagesDir: string): DumpOptions {
  return {
    pid,
    imagesDir,
    leaveRunning: settings.finalState === 'running',
    leaveStopped: settings.finalState === 'stopped',
    shellJob: settings.shellJob,
    ghostLimitBytes: settings.ghostLimitBytes,
    linkRemap: settings.linkRemap,
    evasiveDevices: settings.evasiveDevices,
    cgroups: settings.cgroups,
    fileValidation: settings.fileValidation,
    timeoutSec: settings.timeoutSec,
    sync: settings.sync,
    action: () => undefined,
  };
}

/** Names all that stands in the way of a dump: of crit and its directory, then of the tree. */
function dryDump(settings: Settings, pid: number): number {
  const found: CritError[] = [];
  for (const check of [
    checkPrivileges,
    () => imagesDirectory(settings.imagesDir, 'write'),
    () => {
      if (settings.workDir !== undefined) imagesDirectory(settings.workDir, 'write', 'work directory');
    },
  ])
    try {
      check();
    } catch (error) {
      if (!(error instanceof CritError)) throw error;
      found.push(error);
    }
  return showObstacles(pid, [...found, ...survey(dumpOptions(settings, pid, settings.imagesDir))], settings.json);
}

/** `crit dump`. @returns the exit status */
export async function runDump(settings: Settings, warnings: readonly string[]): Promise<number> {
  const pid = settings.tree;
  if (pid === undefined) throw new UsageError('dump needs -t PID');
  if (settings.dryRun) return dryDump(settings, pid);
  const imagesDir = imagesDirectory(settings.imagesDir, 'write');
  enterWorkDirectory(settings.workDir ?? imagesDir);
  const spawn = await spawner(settings.scripts);
  return runEngine('dump', settings, warnings, ({ log, stats }) => {
    checkPrivileges();
    checkTarget(pid);
    const whole = nowMs();
    const action = actionScripts(
      settings.scripts,
      spawn,
      path.join(imagesDir, STAGING),
      () => pid,
      log,
      () => {
        stats.checkpoint();
      },
    );
    dump({ ...dumpOptions(settings, pid, imagesDir), action }, log, stats);
    const mib = (stats.count('pages_written') * PAGE_SIZE) / (1 << 20);
    log.info(
      `${stats.count('pages_written')} pages (${mib.toFixed(1)} MiB) written, the tree stood still for ${stats.micros('frozen_time')} us`,
    );
    writeStats('dump', stats, settings.displayStats, log);
    log.info(`the whole dump: ${Math.round((nowMs() - whole) * 1000)} us`);
    log.info('Dumping finished successfully');
    if (settings.json) printResult({ ok: true, pid, images: imagesDir, stats: stats.dumpEntry().dump });
  });
}
