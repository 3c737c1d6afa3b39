import path from 'node:path';
import type { DumpOptions } from '../dump/context.js';
import { dump } from '../dump/dump.js';
import { STAGING } from '../dump/set/place.js';
import { survey } from '../dump/survey.js';
import { checkTarget } from '../dump/target.js';
import { nowMs } from '../image/clock.js';
import { PAGE_SIZE } from '../image/vma-status.js';
import { actionScripts, type Scripts } from './action-scripts.js';
import { failing, type Check, type Plan } from './plan.js';
import { checkPrivileges } from './privileges.js';
import type { Run } from './run.js';
import { writeStats } from './stats-file.js';

/** A dump, and what is to be around it. */
export interface DumpRequest {
  readonly options: Omit<DumpOptions, 'action'>;
  readonly scripts: Scripts;
  /** Where stats-dump goes, if anywhere. */
  readonly statsDir?: string;
}

/** Dumps a tree, with action scripts and statistics. @throws CritError */
export function performDump({ options, scripts, statsDir }: DumpRequest, run: Run): void {
  checkPrivileges();
  checkTarget(options.pid);
  const { log, stats } = run;
  const whole = nowMs();
  const action = actionScripts(scripts, path.join(options.imagesDir, STAGING), () => options.pid, run);
  dump({ ...options, action }, log, stats);
  const mib = (stats.count('pages_written') * PAGE_SIZE) / (1 << 20);
  log.info(
    `${stats.count('pages_written')} pages (${mib.toFixed(1)} MiB) written, the tree stood still for ${stats.micros('frozen_time')} us`,
  );
  if (statsDir !== undefined) writeStats('dump', statsDir, run);
  log.info(`the whole dump: ${Math.round((nowMs() - whole) * 1000)} us`);
  log.info('Dumping finished successfully');
}

/** Looks at a tree that runs on; nothing is stopped or changed. */
export function planDump(options: Omit<DumpOptions, 'action'>, checks: readonly Check[]): Plan {
  const obstacles = [...failing(checks), ...survey({ ...options, action: () => undefined })];
  return { lines: [], obstacles };
}
