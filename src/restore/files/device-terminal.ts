import { closeSync, fstatSync } from 'node:fs';
import { imageFileName } from '../../image/catalogue.js';
import { CritError } from '../../image/errors.js';
import type { TtyInfoEntry } from '../../image/generated/messages.js';
import { CHANGEABLE, F_SETFL, O_NOCTTY, O_NONBLOCK } from '../../kernel/uapi/open-flags.js';
import { BorrowedSettings } from './borrowed-settings.js';
import { ControlledSession } from './controlled-session.js';
import type { Files } from './group.js';
import type { OpenTerminal } from './open-terminal.js';
import { openFlags, place } from './place.js';

/** A console or a serial line: a device of the machine, which is opened by its name and set to what it was set to. */
export class DeviceTerminal {
  readonly session: ControlledSession;
  /** A number in the root that it is at. */
  readonly slot: number;
  readonly #files: Files;
  readonly #info: TtyInfoEntry;
  readonly #name: string;
  #fd = -1;
  #settings: BorrowedSettings | undefined;

  /** @param ends at least one @throws CritError BAD_IMAGE */
  constructor(files: Files, info: TtyInfoEntry, ends: readonly OpenTerminal[]) {
    this.#files = files;
    this.#info = info;
    this.slot = files.slot(ends[0]!.entry.id);
    const names = ends.map((end) => this.#open(end));
    this.#name = names[0]!;
    this.session = new ControlledSession(files, this.#name, info);
  }

  #open({ entry: { id, tty } }: OpenTerminal): string {
    const { regf_id: regf } = tty;
    const where = `file ${id}: tty.regf_id`;
    if (regf === undefined)
      throw new CritError(`${imageFileName('FILES')}: ${where} is missing: nothing tells which device it is`, {
        code: 'BAD_IMAGE',
      });
    const slot = this.#files.slot(id);
    const flags = openFlags(tty.flags);
    this.#files.names.add(regf, where, 'terminal', (b, open) => {
      // a serial line waits for the other side
      place(b, open(b, flags | O_NOCTTY | O_NONBLOCK), slot);
      b.call('fcntl', slot, F_SETFL, flags & CHANGEABLE);
    });
    return this.#files.images.regular(regf, where).name;
  }

  /** When the root has it. @throws CritError CHANGED_FILE @throws SysError */
  set(): void {
    this.#fd = this.#files.take(this.slot);
    const { rdev } = fstatSync(this.#fd);
    if (rdev !== this.#info.rdev)
      throw new CritError(`file ${this.#name} is device ${rdev.toString(16)}, it was ${this.#info.rdev.toString(16)}`, {
        code: 'CHANGED_FILE',
      });
    this.#settings = new BorrowedSettings(this.#fd);
    if (!this.#settings.set(this.#info))
      this.#files.ctx.log.warn(`${this.#name} has another size than it had: that of the screen`);
  }

  /** Nothing is undone any more. */
  letGo(): void {
    if (this.#fd >= 0) closeSync(this.#fd);
    this.#fd = -1;
    this.#settings = undefined;
  }

  undo(): void {
    this.#settings?.undo();
    this.letGo();
  }
}
