import { SYSCALLS } from '../arch/index.js';
import type { Batch } from '../task/batch.js';
import type { Puppet } from '../task/puppet.js';
import { pieces, type DumpRun, type Reach } from './pages.js';

/** Iovecs of one pwritev: together about 1 MiB, the piece size that measured best. */
const PIECE = 1 << 20;
const IOV_MAX = 1024;
/** So much is written between two reports of progress. */
const REPORT_BYTES = 256 << 20;

/**
 * Writes runs into a pages image from inside a task: each byte is copied once, from its page to the page cache. `fd` is
 * the image's descriptor in the task. Pages that the task may not read are left out (their place in the file is kept).
 * `report` is told the bytes that are written; it may throw to give up. Cost: one batch for some hundred MiB.
 */
export function writeFromInside(
  puppet: Puppet,
  fd: number,
  runs: readonly DumpRun[],
  want: (run: Reach) => boolean = (run) => run.readable,
  report?: (bytes: number) => void,
): void {
  const b = puppet.batch();
  addWrites(b, fd, runs, want, report);
  b.run();
}

/**
 * Lets a task write runs into a pages image while crit goes on with other things.
 * @returns waits until that is done @throws RemoteError (from what is returned)
 */
export function startWriting(puppet: Puppet, fd: number, runs: readonly DumpRun[]): () => void {
  const b = puppet.batch();
  addWrites(b, fd, runs, (run) => run.readable, undefined);
  b.submit();
  return () => {
    b.run();
  };
}

function addWrites(
  b: Batch,
  fd: number,
  runs: readonly DumpRun[],
  want: (run: Reach) => boolean,
  report: ((bytes: number) => void) | undefined,
): void {
  let iov: number[] = [];
  let filled = 0;
  let offset = 0;
  let unreported = 0;
  let written = 0;
  const flush = () => {
    if (filled === 0) return;
    const bytes = new Uint8Array(new BigUint64Array(iov.map(BigInt)).buffer);
    b.reserve(1, bytes.length);
    b.call('vector', SYSCALLS.pwritev, fd, bytes, iov.length / 2, offset);
    iov = [];
    written += filled;
    unreported += filled;
    filled = 0;
    if (!report || unreported < REPORT_BYTES) return;
    b.run();
    unreported = 0;
    report(written);
  };
  using _doing = b.doing('writing pages');
  for (const piece of pieces(runs)) {
    if (!want(piece)) {
      flush();
      continue;
    }
    if (filled + piece.sizeBytes > PIECE || iov.length === 2 * IOV_MAX) flush();
    if (filled === 0) offset = piece.offset;
    iov.push(piece.address, piece.sizeBytes);
    filled += piece.sizeBytes;
  }
  flush();
}
