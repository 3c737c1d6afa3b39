import type { DumpRequest } from '../../run/dump.js';
import { performDump, planDump } from '../../run/dump.js';
import { loadScripts } from '../../run/action-scripts.js';
import { enterWorkDirectory, imagesDirectory } from '../../run/directories.js';
import { checkPrivileges } from '../../run/privileges.js';
import { DUMP_DEFAULTS } from '../../run/options.js';
import { UsageError } from '../usage-error.js';
import { displayStats } from './display-stats.js';
import { showObstacles } from './obstacles.js';
import { printResult } from './result.js';
import { runEngine } from './run-engine.js';
import type { Settings } from './settings.js';

/** What the command line asks of a dump. */
function dumpOptions(settings: Settings, pid: number, imagesDir: string): DumpRequest['options'] {
  return {
    pid,
    imagesDir,
    leaveRunning: settings.finalState === 'running',
    leaveStopped: settings.finalState === 'stopped',
    shellJob: settings.shellJob,
    ghostLimitBytes: settings.ghostLimitBytes,
    linkRemap: settings.linkRemap,
    forceIrmap: settings.forceIrmap,
    irmapScanPaths: settings.irmapScanPaths,
    evasiveDevices: settings.evasiveDevices,
    extUnixSk: settings.extUnixSk,
    externals: settings.externals,
    fileLocks: settings.fileLocks ?? DUMP_DEFAULTS.fileLocks,
    skipInFlight: settings.skipInFlight,
    allowUprobes: settings.allowUprobes,
    cpuinfo: settings.cpuCap.image,
    tcpEstablished: settings.tcpEstablished,
    tcpClose: settings.tcpClose,
    networkLock: settings.networkLock,
    cgroups: settings.cgroups,
    freezeCgroup: settings.freezeCgroup,
    previousDir: settings.previousDir,
    fileValidation: settings.fileValidation,
    timeoutSec: settings.timeoutSec,
    sync: settings.sync,
  };
}

/** Names all that stands in the way of a dump: of crit and its directory, then of the tree. */
function dryDump(settings: Settings, pid: number): number {
  const { obstacles } = planDump(dumpOptions(settings, pid, settings.imagesDir), [
    checkPrivileges,
    () => imagesDirectory(settings.imagesDir, 'write'),
    () => {
      if (settings.workDir !== undefined) imagesDirectory(settings.workDir, 'write', 'work directory');
    },
  ]);
  return showObstacles(pid, obstacles, settings.json);
}

/** `crit dump`. @returns the exit status */
export async function runDump(settings: Settings, warnings: readonly string[]): Promise<number> {
  const pid = settings.tree;
  if (pid === undefined) throw new UsageError('dump needs -t PID');
  if (settings.dryRun) return dryDump(settings, pid);
  const imagesDir = imagesDirectory(settings.imagesDir, 'write');
  enterWorkDirectory(settings.workDir ?? imagesDir);
  const scripts = await loadScripts(settings.scripts);
  return runEngine('dump', settings, warnings, (run) => {
    performDump({ options: dumpOptions(settings, pid, imagesDir), scripts, statsDir: '.' }, run);
    if (settings.displayStats) displayStats('dump', run);
    if (settings.json) printResult({ ok: true, pid, images: imagesDir, stats: run.stats.dumpEntry().dump });
  });
}
