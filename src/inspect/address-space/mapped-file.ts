import path from 'node:path';
import type { RegFileEntry } from '../../image/generated/messages.js';
import { readAt } from '../../image/image-store.js';
import { findBuildId, sameBuildId } from '../../kernel/build-id.js';
import type { BackingFile, OpenFiles } from './backing-file.js';

/** A build-id stands no farther in a file (CRIU looks no farther). */
const SEARCHED_BYTES = 1 << 20;

/**
 * The file of this machine that a task had mapped, when it still is the same by all that the images tell: its size, and
 * its build-id where they have one.
 * @param root where names are looked up
 * @returns in words why it is not there
 */
export function mappedFile(
  file: RegFileEntry | undefined,
  root: string | undefined,
  files: OpenFiles,
): BackingFile | string {
  if (!file) return 'files.img does not say which file it is';
  if (file.ext) return `the file ${file.name} was another program's to open`;
  if (!file.name.startsWith('/')) return `the file ${file.name} has no path`;
  if (root === undefined) return `it is in the file ${file.name}`;
  if (file.size === undefined) return `whether ${file.name} is still the same cannot be told: the images have no size`;
  const found = files.local(path.join(root, file.name));
  const { sizeBytes } = found;
  if (found.failure !== undefined) return `it is in the file ${file.name}, which cannot be read here`;
  if (BigInt(sizeBytes) !== file.size) return `the file ${file.name} has another size now`;
  if (file.build_id?.length && !sameBuildId(file.build_id, buildIdOf(found)))
    return `the file ${file.name} has another build-id now`;
  return found;
}

function buildIdOf(file: BackingFile): Buffer | undefined {
  const bounded = {
    name: file.name,
    sizeBytes: Math.min(file.sizeBytes, SEARCHED_BYTES),
    read: file.read.bind(file),
    [Symbol.dispose]: () => undefined,
  };
  return findBuildId((offset, length) => Buffer.from(readAt(bounded, offset, length)));
}
