import type { TtyInfoEntry } from '../../image/generated/messages.js';
import type { Batch } from '../../task/batch.js';
import { fetchFromCrit } from './inherited.js';
import type { Files } from './group.js';
import { setFlags } from './place.js';
import { Pty } from './pty.js';
import type { OpenTerminal } from './open-terminal.js';

/** Terminals that had hung up: new ones that hang up, one for all that had the same. */
export class HungUp implements Disposable {
  readonly #files: Files;
  readonly #ends: readonly OpenTerminal[];
  readonly #ptys = new Map<TtyInfoEntry, Pty>();

  constructor(files: Files, ends: readonly OpenTerminal[]) {
    this.#files = files;
    this.#ends = ends;
  }

  /** Has the root take slaves of new terminals. */
  open(b: Batch): void {
    for (const { entry, info } of this.#ends) {
      let pty = this.#ptys.get(info);
      if (!pty) this.#ptys.set(info, (pty = new Pty({ index: info.pty!.index, any: true })));
      const slot = this.#files.slot(entry.id);
      using _doing = b.doing(`opening a terminal that has hung up, for file ${entry.id}`);
      fetchFromCrit(b, pty.open(entry.tty.flags), slot);
      setFlags(b, slot, entry.tty.flags);
      pty.chown(info.uid ?? 0, info.gid ?? 0, undefined);
    }
  }

  /** Hangs them up. */
  [Symbol.dispose](): void {
    for (const pty of this.#ptys.values()) pty[Symbol.dispose]();
  }
}
