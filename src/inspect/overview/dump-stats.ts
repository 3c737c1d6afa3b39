import type { DumpStatsEntry } from '../../image/generated/messages.js';
import type { TolerantImages } from '../tolerant-images.js';

/** How a dump went (stats-dump). Times in seconds; pages are 4096 bytes. */
export interface DumpStats {
  readonly freezingSec: number;
  /** How long the processes stood still. */
  readonly frozenSec: number;
  readonly memdumpSec: number;
  readonly memwriteSec: number;
  readonly pagesScanned: number;
  readonly pagesSkippedParent: number;
  readonly pagesWritten: number;
  readonly pagesLazy: number;
  readonly sharedPagesWritten: number;
}

const MICROSECONDS = 1e6;

const stats = (dump: DumpStatsEntry): DumpStats => ({
  freezingSec: dump.freezing_time / MICROSECONDS,
  frozenSec: dump.frozen_time / MICROSECONDS,
  memdumpSec: dump.memdump_time / MICROSECONDS,
  memwriteSec: dump.memwrite_time / MICROSECONDS,
  pagesScanned: Number(dump.pages_scanned),
  pagesSkippedParent: Number(dump.pages_skipped_parent),
  pagesWritten: Number(dump.pages_written),
  pagesLazy: Number(dump.pages_lazy),
  sharedPagesWritten: Number(dump.shpages_written ?? 0n),
});

/** The statistics of the dump; undefined where there are none. */
export function dumpStats(images: TolerantImages): DumpStats | undefined {
  const entry = images.first('STATS', 'dump')?.dump;
  return entry && stats(entry);
}
