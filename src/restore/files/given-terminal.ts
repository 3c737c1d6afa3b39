import { externalTerminal } from '../../image/external.js';
import { CritError } from '../../image/errors.js';
import { TTYAUX, TTYAUX_MAJOR } from '../../image/terminals.js';
import type { TtyInfoEntry } from '../../image/generated/messages.js';
import { TCGETS2, TERMIOS2_BYTES } from '../../kernel/uapi/ioctl.js';
import { AT_FDCWD, CHANGEABLE, F_SETFL, O_NOCTTY, O_NONBLOCK } from '../../kernel/uapi/open-flags.js';
import { devMajor, devMinor } from '../../kernel/uapi/stat.js';
import { sysRaw } from '../../native/sys.js';
import type { Batch } from '../../task/batch.js';
import { fstatSync } from 'node:fs';
import { BorrowedSettings } from './borrowed-settings.js';
import { ControlledSession } from './controlled-session.js';
import type { Files } from './group.js';
import { fetchFromCrit } from './inherited.js';
import type { OpenTerminal } from './open-terminal.js';
import { openFlags, place } from './place.js';

/**
 * A terminal that belongs to somebody else, who gives another one as a descriptor of crit's (--inherit-fd): it gets
 * settings and size of the old one, and controls the session that that did. It keeps its owner and permissions: images
 * must not decide who may read somebody's terminal.
 */
export class GivenTerminal {
  readonly session: ControlledSession;
  readonly #files: Files;
  readonly #info: TtyInfoEntry;
  readonly #fd: number;
  readonly #ends: readonly OpenTerminal[];
  readonly #slot: number;
  #settings: BorrowedSettings | undefined;

  /** @param fd of crit @throws CritError NO_TERMINAL */
  constructor(files: Files, info: TtyInfoEntry, fd: number, ends: readonly OpenTerminal[]) {
    this.#files = files;
    this.#info = info;
    this.#fd = fd;
    this.#ends = ends;
    const name = externalTerminal(info);
    if (sysRaw('ioctl', fd, TCGETS2, new Uint8Array(TERMIOS2_BYTES)) < 0)
      throw new CritError(`descriptor ${fd} of crit, which is to stand for ${name}, is no terminal`, {
        code: 'NO_TERMINAL',
      });
    this.session = new ControlledSession(files, name, info);
    this.#slot = files.reserve();
  }

  /** Has the root take it. Each description is one of its own, where the terminal can be opened again. */
  open(b: Batch): void {
    using _doing = b.doing(`taking descriptor ${this.#fd} of crit as terminal`);
    fetchFromCrit(b, this.#fd, this.#slot);
    const rdev = BigInt(fstatSync(this.#fd).rdev);
    const opensAnother = devMajor(rdev) === TTYAUX_MAJOR && devMinor(rdev) !== TTYAUX.console;
    for (const { entry } of this.#ends) {
      const slot = this.#files.slot(entry.id);
      if (opensAnother) {
        b.call('dup3', this.#slot, slot, 0);
        continue;
      }
      const flags = openFlags(entry.tty.flags);
      const path = `/proc/self/fd/${this.#slot}`;
      place(b, b.call('openat', AT_FDCWD, path, flags | O_NOCTTY | O_NONBLOCK, 0), slot);
      b.call('fcntl', slot, F_SETFL, flags & CHANGEABLE);
    }
  }

  /** Before anybody of the tree is on it, who would hear of it. @throws SysError */
  set(): void {
    this.#settings = new BorrowedSettings(this.#fd);
    this.#settings.set(this.#info);
  }

  /** A number in the root that it is at. */
  get slot(): number {
    return this.#slot;
  }

  undo(): void {
    this.#settings?.undo();
  }
}
