import type { CountField, Stats } from '../../image/stats.js';
import type { Run } from '../../run/run.js';
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

/** Prints them. The dump is complete, or the tasks run: what goes wrong now is only told. */
export function displayStats(kind: 'dump' | 'restore', { log, stats }: Run): void {
  try {
    print(displayedStats(kind, stats));
  } catch (error) {
    log.warn(`the statistics cannot be written: ${(error as Error).message}`);
  }
}
