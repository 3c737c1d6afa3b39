import { TtyType, type TtyInfoEntry } from '../../image/generated/messages.js';
import {
  TCGETS2,
  TCSETS,
  TCSETS2,
  TERMIOS2_BYTES,
  TERMIOS_BYTES,
  TIOCEXCL,
  TIOCGEXCL,
  TIOCGLCKTRMIOS,
  TIOCGWINSZ,
  TIOCNXCL,
  TIOCSLCKTRMIOS,
  TIOCSWINSZ,
  WINSIZE_BYTES,
} from '../../kernel/uapi/ioctl.js';
import { sys, sysRaw } from '../../native/sys.js';
import { fromBackground } from '../from-background.js';
import { locks, termiosBytes, winsizeBytes } from '../termios-bytes.js';

/** Settings of a terminal that was there before the tree, and will be after a restore that fails: as it was. */
export class BorrowedSettings {
  readonly #fd: number;
  readonly #termios = new Uint8Array(TERMIOS2_BYTES);
  readonly #locked = new Uint8Array(TERMIOS_BYTES);
  readonly #size = new Uint8Array(WINSIZE_BYTES);
  readonly #exclusive = new Int32Array(1);

  /** @param fd of crit, open as long as this is used @throws SysError */
  constructor(fd: number) {
    this.#fd = fd;
    sys('ioctl', fd, TCGETS2, this.#termios);
    sysRaw('ioctl', fd, TIOCGWINSZ, this.#size);
    sysRaw('ioctl', fd, TIOCGLCKTRMIOS, this.#locked);
    sysRaw('ioctl', fd, TIOCGEXCL, this.#exclusive);
  }

  /**
   * Makes them those of the images. The size of a console is that of its screen, and stays.
   * @returns false where that size is another one
   * @throws SysError
   */
  set({ type, termios, termios_locked: locked, winsize, exclusive }: TtyInfoEntry): boolean {
    const fd = this.#fd;
    const isScreen = type === TtyType.VT || type === TtyType.CONSOLE;
    fromBackground(() => {
      if (termios) sys('ioctl', fd, termios.c_ospeed ? TCSETS2 : TCSETS, termiosBytes(termios));
      if (winsize && !isScreen) sys('ioctl', fd, TIOCSWINSZ, winsizeBytes(winsize));
      if (locked && locks(locked)) sys('ioctl', fd, TIOCSLCKTRMIOS, termiosBytes(locked));
      if (exclusive) sys('ioctl', fd, TIOCEXCL);
    });
    return !isScreen || !winsize || Buffer.from(this.#size).equals(winsizeBytes(winsize));
  }

  undo(): void {
    const fd = this.#fd;
    fromBackground(() => {
      sysRaw('ioctl', fd, TIOCSLCKTRMIOS, this.#locked);
      sysRaw('ioctl', fd, TCSETS2, this.#termios);
      sysRaw('ioctl', fd, TIOCSWINSZ, this.#size);
      sysRaw('ioctl', fd, this.#exclusive[0] ? TIOCEXCL : TIOCNXCL);
    });
  }
}
