import { imageFileName } from '../../image/catalogue.js';
import type { Log } from '../../image/log.js';
import type { CountField, Stats } from '../../image/stats.js';
import { writeImage } from '../../encode/image-writer.js';
import { print } from '../stdout.js';

type Row = readonly [label: string, time: string] | readonly [label: string, count: CountField, 'count'];

/** What --display-stats prints, with CRIU's labels: scripts look for them. */
const ROWS: Readonly<Record<'dump' | 'restore', readonly Row[]>> = {
  dump: [
    ['Freezing time', 'freezing_time'],
    ['Frozen time', 'frozen_time'],
    ['Memory dump time', 'memdump_time'],
    ['Memory write time', 'memwrite_time'],
    ['IRMAP resolve time', 'irmap_resolve'],
    ['Memory pages scanned', 'pages_scanned', 'count'],
    ['Memory pages skipped from parent', 'pages_skipped_parent', 'count'],
    ['Memory pages written', 'pages_written', 'count'],
    ['Lazy memory pages', 'pages_lazy', 'count'],
  ],
  restore: [
    ['Pages compared', 'pages_compared', 'count'],
    ['Pages skipped COW', 'pages_skipped_cow', 'count'],
    ['Pages restored', 'pages_restored', 'count'],
    ['Restore time', 'restore_time'],
    ['Forking time', 'forking_time'],
  ],
};

/** The lines of --display-stats. */
export function displayedStats(kind: 'dump' | 'restore', stats: Stats): string {
  const lines = ROWS[kind].map((row) => {
    if (row[2] === undefined) return `${row[0]}: ${stats.micros(row[1])} us`;
    const count = stats.count(row[1]);
    return `${row[0]}: ${count} (0x${count.toString(16)})`;
  });
  return [`Displaying ${kind} stats:`, ...lines].map((line) => `${line}\n`).join('');
}

/** Writes stats-dump or stats-restore into the current directory (the work directory), and prints them if asked. */
export function writeStats(kind: 'dump' | 'restore', stats: Stats, display: boolean, log: Log): void {
  log.info('Writing stats');
  const entry = kind === 'dump' ? stats.dumpEntry() : stats.restoreEntry();
  try {
    writeImage('.', 'STATS', kind, [{ message: entry }]);
  } catch (error) {
    // The dump itself is complete, the restored tasks run.
    log.warn(`${imageFileName('STATS', kind)} cannot be written: ${(error as Error).message}`);
  }
  if (display) print(displayedStats(kind, stats));
}
