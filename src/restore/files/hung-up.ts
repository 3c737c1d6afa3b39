import { closeSync } from 'node:fs';
import { CritError } from '../../image/errors.js';
import { TIOCGPTN, TIOCGPTPEER, TIOCSPTLCK } from '../../kernel/uapi/ioctl.js';
import { O_ACCMODE, O_CLOEXEC, O_NOCTTY, O_RDWR, AT_FDCWD } from '../../kernel/uapi/open-flags.js';
import { cString, sys, sysRaw } from '../../native/sys.js';

/** So many terminals are opened at most to come by the index that the hung-up one had. */
const TRIES = 64;

/** Slaves of a pseudoterminal of crit's own, which hang up when its master is closed. */
export class HungUp {
  readonly #master: number;
  readonly #slaves: number[] = [];

  /** @param index which one it was; where that is another's, any will do. @throws CritError, SysError */
  constructor(index: number) {
    const opened: number[] = [];
    try {
      for (;;) {
        const fd = openMaster();
        opened.push(fd);
        const n = indexOf(fd);
        // the lowest free one is given
        if (n >= index || opened.length === TRIES) break;
      }
    } finally {
      for (const fd of opened.slice(0, -1)) closeSync(fd);
    }
    this.#master = opened.at(-1)!;
  }

  /** crit's own descriptor of a further open description of the slave. @throws SysError */
  open(flags: number): number {
    const fd = sys('ioctl', this.#master, TIOCGPTPEER, (flags & O_ACCMODE) | O_NOCTTY | O_CLOEXEC);
    this.#slaves.push(fd);
    return fd;
  }

  chown(uid: number, gid: number): void {
    for (const fd of this.#slaves.slice(0, 1)) sysRaw('fchown', fd, uid, gid);
  }

  /** Hangs up. Whoever has taken the slaves keeps them. */
  close(): void {
    closeSync(this.#master);
    for (const fd of this.#slaves.splice(0)) closeSync(fd);
  }
}

function openMaster(): number {
  const fd = sysRaw('openat', AT_FDCWD, cString('/dev/ptmx'), O_RDWR | O_NOCTTY | O_CLOEXEC);
  if (fd < 0)
    throw new CritError('the images have a terminal that has hung up, for which a new one is needed: /dev/ptmx fails', {
      code: 'NO_TERMINAL',
    });
  sysRaw('ioctl', fd, TIOCSPTLCK, Int32Array.of(0));
  return fd;
}

function indexOf(master: number): number {
  const n = new Int32Array(1);
  sys('ioctl', master, TIOCGPTN, n);
  return n[0]!;
}
