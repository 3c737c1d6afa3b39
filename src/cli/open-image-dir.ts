import { statSync } from 'node:fs';
import { finishCommit } from '../dump/set/finish-commit.js';
import type { ImageDir } from '../encode/image-dir.js';
import { openCheckpoint, type Checkpoint } from '../inspect/checkpoint.js';
import { oneLine } from './safe-text.js';
import { warn } from './stdout.js';

/**
 * A checkpoint to be looked into: a directory or an archive. A dump that was killed while it put its images in place is
 * brought to its end first. @throws CritError if it is none
 */
export function openSource(file: string): Checkpoint {
  if (statSync(file, { throwIfNoEntry: false })?.isDirectory()) finishCommit(file);
  const checkpoint = openCheckpoint(file);
  if (checkpoint.damage !== undefined) warn(`crit: warning: ${oneLine(checkpoint.damage)}`);
  return checkpoint;
}

/** Its images. */
export const openImageDir = (file: string): ImageDir => openSource(file).images;
