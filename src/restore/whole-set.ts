import { lstatSync, statSync } from 'node:fs';
import path from 'node:path';
import type { ImageDir } from '../encode/image-dir.js';
import { typeOfFileName } from '../image/catalogue.js';
import { cutOff } from '../image/cut-off.js';
import { CritError } from '../image/errors.js';
import { PARENT } from '../image/parent-link.js';
import type { Messages } from '../image/generated/messages.js';

/**
 * Finds out that an image of the set was lost or cut off since the dump, as far as its own structure does not tell: the
 * inventory names all images with their sizes. An image that was edited has another size, and is whole: only one that is
 * shorter and ends where a block of the disk does is taken for cut off. Images of pages are compared with their pagemaps.
 * @throws CritError TORN_SET
 */
export function checkWhole(images: ImageDir, inventory: Messages['inventory_entry']): void {
  const dir = images.path;
  for (const { name, size } of inventory.images ?? []) {
    if (name === PARENT) continue; // no image: pages that are there are looked for there
    const type = typeOfFileName(name)?.type;
    // The name is used as a path.
    if (type === undefined)
      throw new CritError(`${images.file('INVENTORY')}: images: ${JSON.stringify(name)} is no name of an image`, {
        code: 'BAD_IMAGE',
      });
    const found = statSync(path.join(dir, name), { throwIfNoEntry: false });
    if (!found) throw torn(dir, name, 'is missing');
    const cut = type === 'PAGES' ? undefined : cutOff(found.size, size);
    if (cut !== undefined) throw torn(dir, name, cut);
  }
}

const torn = (dir: string, name: string, how: string): CritError =>
  new CritError(
    `${path.join(dir, name)} ${how}: the set is torn, as by a power cut after the dump (see dump --sync), or by hand`,
    { code: 'TORN_SET' },
  );

/** Tells whether the set in a directory is still the same one: each dump makes a new inventory. */
export class SameSet {
  readonly #file: string;
  readonly #identity: string;

  constructor(images: ImageDir) {
    this.#file = images.file('INVENTORY');
    this.#identity = this.#now();
  }

  #now(): string {
    const stat = lstatSync(this.#file, { throwIfNoEntry: false, bigint: true });
    return stat ? `${stat.dev} ${stat.ino} ${stat.ctimeNs}` : '';
  }

  /** @throws CritError when another dump has put its images there meanwhile */
  check(): void {
    if (this.#now() !== this.#identity)
      throw new CritError(
        `${path.dirname(this.#file)}: the set was replaced or changed while it was being restored: restore again`,
        { code: 'SET_CHANGED' },
      );
  }
}
