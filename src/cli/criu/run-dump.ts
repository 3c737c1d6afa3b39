import { dump } from '../../dump/dump.js';
import { checkTarget } from '../../dump/target.js';
import { UsageError } from '../usage-error.js';
import { actionScripts } from './action-scripts.js';
import { enterWorkDirectory, imagesDirectory } from './directories.js';
import { checkPrivileges } from './privileges.js';
import { runEngine } from './run-engine.js';
import type { Settings } from './settings.js';
import { writeStats } from './stats-file.js';

/** `crit dump`. @returns the exit status */
export function runDump(settings: Settings, warnings: readonly string[]): number {
  const pid = settings.tree;
  if (pid === undefined) throw new UsageError('dump needs -t PID');
  const imagesDir = imagesDirectory(settings.imagesDir, 'write');
  enterWorkDirectory(settings.workDir ?? imagesDir);
  return runEngine('dump', settings, warnings, ({ log, stats }) => {
    checkPrivileges();
    checkTarget(pid);
    const whole = performance.now();
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
    log.info(`the whole dump: ${Math.round((performance.now() - whole) * 1000)} us`);
    log.info('Dumping finished successfully');
  });
}
