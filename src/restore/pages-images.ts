import { closeSync, fstatSync, realpathSync } from 'node:fs';
import path from 'node:path';
import { CritError, ImageError } from '../image/errors.js';
import { openRegularFile } from '../image/regular-file.js';
import { O_RDONLY } from '../kernel/uapi/open-flags.js';
import type { Batch, Ref } from '../task/batch.js';
import { VerifiedOpens, type Seen } from './files/verified-open.js';

interface PagesImage extends Seen {
  readonly sizeBytes: number;
}

/** The pages images of a set: looked at before anything is started, then opened by crit or by the puppets themselves. */
export class PagesImages {
  readonly #dir: string;
  readonly #found = new Map<string, PagesImage>();

  constructor(dir: string) {
    this.#dir = realpathSync(dir);
  }

  /** Its size. @param by the image that names it @throws CritError MISSING_IMAGE, or as openRegularFile */
  sizeOf(file: string, by: string): number {
    let image = this.#found.get(file);
    if (!image) {
      try {
        const { fd, path: at } = openRegularFile(path.join(this.#dir, file));
        try {
          const { dev, ino, size } = fstatSync(fd, { bigint: true });
          image = { path: at, dev, ino, sizeBytes: Number(size) };
        } finally {
          closeSync(fd);
        }
      } catch (error) {
        if (!(error instanceof ImageError) || error.code !== 'NO_IMAGE') throw error;
        throw new CritError(`${by} names ${file}, which is missing`, { code: 'MISSING_IMAGE', cause: error });
      }
      this.#found.set(file, image);
    }
    return image.sizeBytes;
  }

  /** Opens one for crit. @returns a descriptor, which the caller closes */
  open(file: string): number {
    const seen = this.#found.get(file)!;
    const { fd } = openRegularFile(path.join(this.#dir, file));
    const { dev, ino } = fstatSync(fd, { bigint: true });
    if (dev === seen.dev && ino === seen.ino) return fd;
    closeSync(fd);
    throw new CritError(`${file} was exchanged while it was being restored`, { code: 'EXCHANGED_FILE' });
  }

  /** Opens some in a puppet. Runs the batch. @param placed is given each descriptor */
  openIn(b: Batch, files: Iterable<string>, placed: (b: Batch, file: string, fd: Ref) => void): void {
    const opens = new VerifiedOpens();
    for (const file of files) placed(b, file, opens.open(b, this.#found.get(file)!, O_RDONLY));
    b.run();
    opens.check();
  }
}
