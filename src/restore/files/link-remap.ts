import { lstatSync, unlinkSync } from 'node:fs';
import path from 'node:path';
import type { Log } from '../../image/log.js';
import { pathBuffer } from '../../image/path-bytes.js';
import type { Found } from './look-up.js';

/** What crit and CRIU name the links that a dump makes (--link-remap); crit puts a further number where that is taken. */
const NAME = /^link_remap\.\d+(\.\d+)?$/;

/** A name that a dump has made beside a file whose own was gone. It goes away when the tree runs. */
export class LinkRemap {
  readonly #name: string;
  readonly #found: Found;

  constructor(name: string, found: Found) {
    this.#name = name;
    this.#found = found;
  }

  /** Removes it: what an image calls so may be any file. */
  remove(log: Log): void {
    const name = this.#name;
    if (!NAME.test(path.posix.basename(name))) {
      log.warn(`${name} stays: no dump makes links of that name, whatever the images say`);
      return;
    }
    try {
      const file = pathBuffer(this.#found.root.path(name));
      const { dev, ino } = lstatSync(file, { bigint: true });
      if (dev === this.#found.dev && ino === this.#found.ino) unlinkSync(file);
      else log.warn(`${name} stays: it is another file by now`);
    } catch (error) {
      log.warn(`${name}, which the dump made, could not be removed: ${String(error)}`);
    }
  }
}
