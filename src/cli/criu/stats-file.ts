import { imageFileName } from '../../image/catalogue.js';
import type { Log } from '../../image/log.js';
import type { CountField, Stats } from '../../image/stats.js';
import { writeImage } from '../../encode/image-writer.js';
import { print } from '../stdout.js';

type Row = { readonly label: string } & ({ readonly time: string } | { readonly count: CountField });

/** What --display-stats prints, with CRIU's labels: scripts look for them. */
const ROWS: Readonly<Record<'dump' | 'restore', readonly Row[]>> = {
  dump: [
    { label: 'Freezing time', time: 'freezing_time' },
    { label: 'Frozen time', time: 'frozen_time' },
    { label: 'Memory dump time', time: 'memdump_time' },
    { label: 'Memory write time', time: 'memwrite_time' },
    { label: 'IRMAP resolve time', time: 'irmap_resolve' },
    { label: 'Memory pages scanned', count: 'pages_scanned' },
    { label: 'Memory pages skipped from parent', count: 'pages_skipped_parent' },
    { label: 'Memory pages written', count: 'pages_written' },
    { label: 'Lazy memory pages', count: 'pages_lazy' },
  ],
  restore: [
    { label: 'Pages compared', count: 'pages_compared' },
    { label: 'Pages skipped COW', count: 'pages_skipped_cow' },
    { label: 'Pages restored', count: 'pages_restored' },
    { label: 'Restore time', time: 'restore_time' },
    { label: 'Forking time', time: 'forking_time' },
  ],
};

/** The lines of --display-stats. */
export function displayedStats(kind: 'dump' | 'restore', stats: Stats): string {
  const lines = ROWS[kind].map((row) => {
    if ('time' in row) return `${row.label}: ${stats.micros(row.time)} us`;
    const count = stats.count(row.count);
    return `${row.label}: ${count} (0x${count.toString(16)})`;
  });
  return [`Displaying ${kind} stats:`, ...lines].map((line) => `${line}\n`).join('');
}

/** Writes stats-dump or stats-restore into the current directory (the work directory), and prints them if asked. */
export function writeStats(kind: 'dump' | 'restore', stats: Stats, display: boolean, log: Log): void {
  log.info('Writing stats');
  const entry = kind === 'dump' ? stats.dumpEntry() : stats.restoreEntry();
  // The dump itself is complete, the restored tasks run: what goes wrong now is only told.
  const attempt = (what: string, write: () => void) => {
    try {
      write();
    } catch (error) {
      log.warn(`${what} cannot be written: ${(error as Error).message}`);
    }
  };
  attempt(imageFileName('STATS', kind), () => {
    writeImage('.', 'STATS', kind, [{ message: entry }]);
  });
  if (display)
    attempt('the statistics', () => {
      print(displayedStats(kind, stats));
    });
}
