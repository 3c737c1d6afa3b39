import { closeSync, fstatSync } from 'node:fs';
import { CritError } from '../../image/errors.js';
import type { TtyInfoEntry } from '../../image/generated/messages.js';
import { errnoWords } from '../../kernel/uapi/errno.js';
import {
  TCOOFF,
  TCSETS,
  TCSETS2,
  TCXONC,
  TIOCEXCL,
  TIOCGPTN,
  TIOCGPTPEER,
  TIOCPKT,
  TIOCSLCKTRMIOS,
  TIOCSPTLCK,
  TIOCSTI,
  TIOCSWINSZ,
} from '../../kernel/uapi/ioctl.js';
import {
  AT_FDCWD,
  F_SETFD,
  FD_CLOEXEC,
  O_ACCMODE,
  O_CLOEXEC,
  O_LARGEFILE,
  O_NOCTTY,
  O_NONBLOCK,
  O_RDWR,
} from '../../kernel/uapi/open-flags.js';
import { stopCharacter } from '../../kernel/line-input.js';
import { cString, sys, sysRaw } from '../../native/sys.js';
import { locks, termiosBytes, winsizeBytes } from '../termios-bytes.js';

/** So many terminals are opened at most to come by an index. */
const TRIES = 1024;

/** The names that a master is opened by. */
export const PTMX = ['/dev/ptmx', '/dev/pts/ptmx'] as const;

/** How a master is made. */
export interface PtyOptions {
  /** N of /dev/pts/N. */
  readonly index: number;
  /** Any other index will do where that one is another's. */
  readonly any?: boolean;
  readonly path?: (typeof PTMX)[number];
  /** Access mode and O_LARGEFILE of the master. */
  readonly flags?: number;
}

/** A pseudoterminal of crit's own, whose ends the tree takes. Nothing of it is left when both are closed. */
export class Pty implements Disposable {
  readonly #index: number;
  readonly #master: number;
  readonly #slaves: number[] = [];
  #closed = false;

  /** @throws CritError NO_TERMINAL, TERMINAL_IN_USE */
  constructor(options: PtyOptions) {
    this.#master = madeMaster(options);
    this.#index = indexOf(this.#master);
    sys('ioctl', this.#master, TIOCSPTLCK, Int32Array.of(0));
  }

  /** crit's own descriptor of the master. */
  get master(): number {
    return this.#master;
  }

  /** crit's own descriptor of a further open description of the slave. @throws SysError */
  open(flags: number): number {
    // TIOCGPTPEER leaves O_CLOEXEC in the flags of the description, where all its descriptors show it
    const peer = () => {
      const fd = sys('ioctl', this.#master, TIOCGPTPEER, (flags & (O_ACCMODE | O_NONBLOCK | O_CLOEXEC)) | O_NOCTTY);
      sys('fcntl', fd, F_SETFD, FD_CLOEXEC);
      return fd;
    };
    // what was opened by name has this flag
    const fd = flags & O_LARGEFILE ? this.#byName(flags, peer) : peer();
    this.#slaves.push(fd);
    return fd;
  }

  #byName(flags: number, peer: () => number): number {
    const path = `/dev/pts/${this.#index}`;
    const fd = sys('openat', AT_FDCWD, cString(path), (flags & (O_ACCMODE | O_LARGEFILE)) | O_NOCTTY | O_CLOEXEC);
    const other = peer();
    const [a, b] = [fstatSync(fd), fstatSync(other)];
    closeSync(other);
    if (a.dev === b.dev && a.ino === b.ino) return fd;
    closeSync(fd);
    throw new CritError(`${path} is not the slave of the terminal that ${PTMX[0]} gives: is /dev/pts another devpts?`, {
      code: 'NO_TERMINAL',
    });
  }

  /** Settings, size of the window; nobody has it as controlling terminal yet, so that nobody hears of it. @throws SysError */
  set({ termios, winsize }: TtyInfoEntry): void {
    const fd = this.#master;
    if (termios) sys('ioctl', fd, termios.c_ospeed ? TCSETS2 : TCSETS, termiosBytes(termios));
    if (winsize) sys('ioctl', fd, TIOCSWINSZ, winsizeBytes(winsize));
  }

  /** Whose /dev/pts/N is. */
  chown(uid: number, gid: number, mode: number | undefined): void {
    const [slave] = this.#slaves;
    const path = cString(`/dev/pts/${this.#index}`);
    if (slave === undefined) sys('fchownat', AT_FDCWD, path, uid, gid, 0);
    else sys('fchown', slave, uid, gid);
    if (mode === undefined) return;
    if (slave === undefined) sys('fchmodat', AT_FDCWD, path, mode & 0o7777);
    else sys('fchmod', slave, mode & 0o7777);
  }

  /** What is set when everything of it is open: a slave that was open and is not any more, packets, locks. */
  finish(master: TtyInfoEntry, slave: TtyInfoEntry | undefined): void {
    if (!slave && master.slaves_closed) {
      this.open(O_RDWR);
      closeSync(this.#slaves.pop()!);
    }
    // what is locked cannot be set any more
    const locked = (slave ?? master).termios_locked;
    if (locked && locks(locked)) sys('ioctl', this.#master, TIOCSLCKTRMIOS, termiosBytes(locked));
    if (slave?.output_stopped) this.#stop(slave);
    if (master.packet_mode) sys('ioctl', this.#master, TIOCPKT, Int32Array.of(1));
    if (slave?.exclusive) sys('ioctl', this.#slaves[0]!, TIOCEXCL);
    if (master.exclusive) sys('ioctl', this.#master, TIOCEXCL);
    if (master.locked) sys('ioctl', this.#master, TIOCSPTLCK, Int32Array.of(1));
  }

  /** As whoever typed there did, where that is possible: the kernel does not tell ^S from tcflow(3), which ^Q does not undo. */
  #stop({ termios }: TtyInfoEntry): void {
    const fd = this.#slaves[0]!;
    const stop = termios && stopCharacter(termiosBytes(termios));
    if (stop === undefined) sys('ioctl', fd, TCXONC, TCOOFF);
    else sys('ioctl', fd, TIOCSTI, Uint8Array.of(stop));
  }

  /** Whoever has taken ends keeps them. The slaves of a master that nobody has taken hang up. */
  [Symbol.dispose](): void {
    if (this.#closed) return;
    this.#closed = true;
    closeSync(this.#master);
    for (const fd of this.#slaves.splice(0)) closeSync(fd);
  }
}

/** A master with this index: the lowest free one is given, so that it is opened until that is the one. */
function madeMaster({ index, any = false, path = PTMX[0], flags = O_RDWR }: PtyOptions): number {
  const opened: number[] = [];
  try {
    while (opened.length < TRIES) {
      opened.push(openMaster(path, flags, index));
      if (indexOf(opened.at(-1)!) >= index) break;
    }
    const last = opened.pop()!;
    if (any || indexOf(last) === index) return last;
    closeSync(last);
    throw inUse(index);
  } finally {
    for (const fd of opened) closeSync(fd);
  }
}

function openMaster(path: string, flags: number, index: number): number {
  const mode = flags & (O_ACCMODE | O_LARGEFILE);
  const fd = sysRaw('openat', AT_FDCWD, cString(path), mode | O_NOCTTY | O_CLOEXEC);
  if (fd < 0)
    throw new CritError(`opening ${path} for the terminal /dev/pts/${index} of the images: ${errnoWords(-fd)}`, {
      code: 'NO_TERMINAL',
    });
  return fd;
}

export function inUse(index: number): CritError {
  return new CritError(
    `the terminal /dev/pts/${index} of the images cannot be had: it is another's by now; its programs know it by this name`,
    { code: 'TERMINAL_IN_USE' },
  );
}

function indexOf(master: number): number {
  const n = new Int32Array(1);
  sys('ioctl', master, TIOCGPTN, n);
  return n[0]!;
}
