import { imageFileName } from '../image/catalogue.js';
import { writeImage } from '../encode/image-writer.js';
import type { Run } from './run.js';

/** Writes stats-dump or stats-restore. The dump is complete, or the tasks run: what goes wrong now is only told. */
export function writeStats(kind: 'dump' | 'restore', directory: string, { log, stats }: Run): void {
  log.info('Writing stats');
  const message = kind === 'dump' ? stats.dumpEntry() : stats.restoreEntry();
  try {
    writeImage(directory, 'STATS', kind, [{ message }]);
  } catch (error) {
    log.warn(`${imageFileName('STATS', kind)} cannot be written: ${(error as Error).message}`);
  }
}
