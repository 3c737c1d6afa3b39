import path from 'node:path';
import { readImageOf } from '../decode/image-reader.js';
import { ByteSource } from '../image/byte-source.js';
import { imageFileName, type ImageType } from '../image/catalogue.js';
import type { Image } from '../image/entry.js';
import { ImageError } from '../image/errors.js';
import { AT_FDCWD, O_CLOEXEC, O_NOCTTY, O_NONBLOCK } from '../kernel/open-flags.js';
import { S_IFMT, S_IFREG, STAT, STAT_BYTES } from '../kernel/stat.js';
import { askAll } from '../task/own.js';

/** Most images of a task are smaller. */
const SMALL_BYTES = 8192;

/** The images of a directory. */
export class ImageSet {
  readonly dir: string;
  readonly #ahead = new Map<string, Uint8Array>();

  constructor(dir: string) {
    this.dir = dir;
  }

  /**
   * Takes small images into memory, of which a tree has thousands: reading them one by one takes several times as long.
   * What is missing, large or odd is left to `read`, which says so.
   */
  readAhead(images: readonly (readonly [ImageType, number])[]): void {
    const names = images.map(([type, id]) => imageFileName(type, id));
    const contents = askAll(names, (b, name) => {
      b.reserve(4, SMALL_BYTES + STAT_BYTES + 4200);
      const bytes = b.out(SMALL_BYTES);
      const stat = b.out(STAT_BYTES);
      const file = b.tryCall('openat', AT_FDCWD, path.join(this.dir, name), O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0);
      const stated = b.tryCall('fstat', file, stat);
      const n = b.tryCall('read', file, bytes, SMALL_BYTES);
      b.tryCall('close', file);
      return () => {
        if (stated.value < 0 || n.value <= 0) return undefined;
        const regular = (stat.view.getUint32(STAT.mode, true) & S_IFMT) === S_IFREG;
        const whole = stat.view.getBigUint64(STAT.size, true) === BigInt(n.value);
        return regular && whole ? bytes.bytes.slice(0, n.value) : undefined;
      };
    });
    let i = 0;
    for (const content of contents) {
      const name = names[i++]!;
      if (content) this.#ahead.set(name, content);
    }
  }

  /** A whole image. @throws ImageError NO_IMAGE when it is not there, BAD_IMAGE */
  read<T extends ImageType>(type: T, id?: number): Image<T> {
    const name = imageFileName(type, id);
    const file = path.join(this.dir, name);
    const bytes = this.#ahead.get(name);
    if (!bytes) return readImageOf(file, type);
    this.#ahead.delete(name);
    return readImageOf(new ByteSource({ bytes }, file), type);
  }

  /** As read; undefined when there is no such file. */
  readIfPresent<T extends ImageType>(type: T, id?: number): Image<T> | undefined {
    try {
      return this.read(type, id);
    } catch (error) {
      if (error instanceof ImageError && error.code === 'NO_IMAGE') return undefined;
      throw error;
    }
  }
}
