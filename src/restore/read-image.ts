import type { ImageType } from '../image/catalogue.js';
import type { Image } from '../image/entry.js';
import * as reader from '../decode/image-reader.js';

// What restores a process must be whole: a message without a required field is refused here, as CRIU refuses it.

/** Reads a whole image of a directory. @throws ImageError, also for a required field that is missing */
export function readImage<T extends ImageType>(dir: string, type: T, id?: number | bigint | string): Image<T> {
  return reader.readImage(dir, type, id, { strict: true });
}

/** As readImage; undefined when there is no such file. */
export function readImageIfPresent<T extends ImageType>(
  dir: string,
  type: T,
  id?: number | bigint | string,
): Image<T> | undefined {
  return reader.readImageIfPresent(dir, type, id, { strict: true });
}
