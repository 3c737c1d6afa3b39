import type { ImageDir } from '../encode/image-dir.js';
import { imageFileName } from '../image/catalogue.js';
import { ImageError } from '../image/errors.js';
import type { PstreeEntry } from '../image/generated/messages.js';

/** The tasks of a set, in the order of pstree.img. @throws ImageError NO_IMAGE without that image */
export function tasksOf(images: ImageDir): readonly PstreeEntry[] {
  const tasks = images.messages('PSTREE');
  if (tasks) return tasks;
  const file = imageFileName('PSTREE');
  throw new ImageError('is not there: this is not a directory of images', { file }, { code: 'NO_IMAGE' });
}
