import { statSync } from 'node:fs';
import { finishCommit } from '../dump/set/finish-commit.js';
import { ImageDir } from '../encode/image-dir.js';
import { CritError } from '../image/errors.js';

/** An image directory to be looked into. @throws CritError if it is none */
export function openImageDir(dir: string): ImageDir {
  const stat = statSync(dir, { throwIfNoEntry: false });
  if (!stat) throw new CritError(`${dir}: there is no such directory`, { code: 'NO_IMAGE' });
  if (!stat.isDirectory())
    throw new CritError(`${dir}: is not a directory, and crit x explores a directory of images`, {
      code: 'NOT_A_DIRECTORY',
    });
  finishCommit(dir);
  return new ImageDir(dir);
}
