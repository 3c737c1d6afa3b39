import { readdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { openImageReader } from '../decode/image-reader.js';
import { typeOfFileName } from '../image/catalogue.js';
import { finishCommit } from '../dump/set/finish-commit.js';
import { CritError, ImageError } from '../image/errors.js';
import { ImageSet } from '../inspect/image-set.js';

/** The messages of an image's entries; undefined if there is no such file. */
function entries(dir: string, file: string): readonly unknown[] | undefined {
  const type = typeOfFileName(file)?.type;
  try {
    using reader = openImageReader(path.join(dir, file), type === undefined ? {} : { type });
    return Array.from(reader, ({ message }) => message);
  } catch (error) {
    if (error instanceof ImageError && error.code === 'NO_IMAGE') return undefined;
    throw error;
  }
}

/** An image directory to be looked into. @throws CritError if it is none */
export function openImageSet(dir: string): ImageSet {
  const stat = statSync(dir, { throwIfNoEntry: false });
  if (!stat) throw new CritError(`${dir}: there is no such directory`, { code: 'NO_IMAGE' });
  if (!stat.isDirectory())
    throw new CritError(`${dir}: is not a directory, and crit x explores a directory of images`, {
      code: 'NOT_A_DIRECTORY',
    });
  finishCommit(dir);
  return new ImageSet({
    entries: (file) => Promise.resolve(entries(dir, file)),
    names: () => Promise.resolve(readdirSync(dir)),
  });
}
