import { readFileSync } from 'node:fs';
import { AT_FDCWD, O_APPEND, O_CREAT, O_WRONLY } from '../../src/kernel/uapi/open-flags.js';
import type { Borrowed } from '../../src/task/borrow.js';

const CURES = 300;
const ends = (i: number) => i % 7 === 0;

/** Has the process open a file, and makes 300 cures that each write their number there; every seventh is ended again. */
export function makeCures(b: Borrowed, file: string): Disposable[] {
  const fd = b.puppet.must('openat', AT_FDCWD, file, O_WRONLY | O_APPEND | O_CREAT, 0o600);
  const close = b.cure('close', fd);
  const cures = Array.from({ length: CURES }, (_, i) => b.cure('write', fd, Int32Array.of(i), 4));
  cures.forEach((cure, i) => {
    if (ends(i)) cure[Symbol.dispose]();
  });
  return [close, ...cures];
}

/** What they write: the last that was made first. */
export const written = (): number[] => Array.from({ length: CURES }, (_, i) => CURES - 1 - i).filter((i) => !ends(i));

export function readWritten(file: string): number[] {
  const bytes = readFileSync(file);
  return Array.from({ length: bytes.length / 4 }, (_, i) => bytes.readInt32LE(4 * i));
}
