import { dump } from '../../dump/dump.js';
import { nowMs } from '../../image/clock.js';
import { checkTarget } from '../../dump/target.js';
import { UsageError } from '../usage-error.js';
import { actionScripts, spawner } from './action-scripts.js';
import { enterWorkDirectory, imagesDirectory } from './directories.js';
import { checkPrivileges } from './privileges.js';
import { printResult } from './result.js';
import { runEngine } from './run-engine.js';
import type { Settings } from './settings.js';
import { writeStats } from './stats-file.js';

/** `crit dump`. @returns the exit status */
export async function runDump(settings: Settings, warnings: readonly string[]): Promise<number> {
  const pid = settings.tree;
  if (pid === undefined) throw new UsageError('dump needs -t PID');
  const imagesDir = imagesDirectory(settings.imagesDir, 'write');
  enterWorkDirectory(settings.workDir ?? imagesDir);
  const spawn = await spawner(settings.scripts);
  return runEngine('dump', settings, warnings, ({ log, stats }) => {
    checkPrivileges();
    checkTarget(pid);
    const whole = nowMs();
    dump(
      {
        pid,
        imagesDir,
        leaveRunning: settings.finalState === 'running',
        leaveStopped: settings.finalState === 'stopped',
        shellJob: settings.shellJob,
        ghostLimitBytes: settings.ghostLimitBytes,
        linkRemap: settings.linkRemap,
        evasiveDevices: settings.evasiveDevices,
        timeoutSec: settings.timeoutSec,
        action: actionScripts(
          settings.scripts,
          spawn,
          imagesDir,
          () => pid,
          log,
          () => {
            stats.checkpoint();
          },
        ),
      },
      log,
      stats,
    );
    writeStats('dump', stats, settings.displayStats, log);
    log.info(`the whole dump: ${Math.round((nowMs() - whole) * 1000)} us`);
    log.info('Dumping finished successfully');
    if (settings.json) printResult({ ok: true, pid, images: imagesDir, stats: stats.dumpEntry().dump });
  });
}
