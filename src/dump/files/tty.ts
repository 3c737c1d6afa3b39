import {
  FdTypes,
  TtyType,
  type TermiosEntry,
  type TtyFileEntry,
  type TtyInfoEntry,
} from '../../image/generated/messages.js';
import { ERRNO } from '../../kernel/uapi/errno.js';
import { O_PATH } from '../../kernel/uapi/open-flags.js';
import {
  NR_CC,
  TCGETS,
  TERMIOS,
  TERMIOS_BYTES,
  TIOCGEXCL,
  TIOCGLCKTRMIOS,
  TIOCGPGRP,
  TIOCGSID,
  TIOCGWINSZ,
} from '../../kernel/uapi/ioctl.js';
import { devMajor, devMinor, S_IFCHR, S_IFMT } from '../../kernel/uapi/stat.js';
import { sysRaw } from '../../native/sys.js';
import type { Description } from './description.js';
import type { FileKind } from './kind.js';
import type { Files } from './files.js';
import { regularFile } from './regular-entry.js';
import { unsupported } from './unsupported.js';

/** Documentation/admin-guide/devices.txt */
const TTY_MAJOR = 4;
const TTYAUX_MAJOR = 5;
const PTS_FIRST_MAJOR = 136;
const PTS_LAST_MAJOR = 143;
const PTMX_MINOR = 2;
/** Above all ids of terminals that are alive. */
const HUNG_UP_IDS = 0x1000000;

function isTty(file: Description): boolean {
  const major = devMajor(file.stat.rdev);
  return major === TTY_MAJOR || major === TTYAUX_MAJOR || (major >= PTS_FIRST_MAJOR && major <= PTS_LAST_MAJOR);
}

/**
 * A terminal that a shell job has from its shell: only its settings are dumped, at restore it is the terminal that crit
 * itself stands on.
 */
export const tty: FileKind = {
  type: FdTypes.TTY,
  matches: (file) => (file.stat.mode & S_IFMT) === S_IFCHR && !(file.info.flags & O_PATH) && isTty(file),
  make: (files) => {
    /** Terminals that have their entry. */
    const told = new Set<number>();
    return (file) => {
      const major = devMajor(file.stat.rdev);
      const minor = devMinor(file.stat.rdev);
      if (major === TTYAUX_MAJOR && minor === PTMX_MINOR) throw unsupported(file, 'the master of a pseudoterminal');
      const index = major >= PTS_FIRST_MAJOR ? (major - PTS_FIRST_MAJOR) * 256 + minor : undefined;
      if (index !== undefined && files.use(file, isHungUp)) return { tty: hungUp(file, files, index, told) };
      if (!files.ctx.options.shellJob)
        throw unsupported(file, 'a terminal', "needs --shell-job, and to be the shell's own");
      const id = infoId(major, minor);
      if (!told.has(id)) {
        if (file.inFlight) throw unsupported(file, 'a terminal');
        told.add(id);
        files.put('TTY_INFO', {
          message: { ...files.use(file, (fd) => describeTerminal(file, fd, id, index)), ...jobControl(file) },
        });
      }
      const regf = files.addRegular(
        {
          link: file.link,
          stat: file.stat,
          where: file.where,
          open: () => files.take(file),
        },
        file.info.flags,
        0n,
        file.owner,
      );
      return { tty: { id: file.id, tty_info_id: id, flags: file.info.flags, fown: file.owner, regf_id: regf } };
    };
  },
};

/** True for a slave whose master is closed: whatever is asked of it says EIO. */
function isHungUp(fd: number): boolean {
  return sysRaw('ioctl', fd, TCGETS, new ArrayBuffer(TERMIOS_BYTES)) === -ERRNO.EIO;
}

/** A terminal without settings is one that has hung up, to CRIU too; a live one may have its index by now. */
function hungUp(file: Description, files: Files, index: number, told: Set<number>): TtyFileEntry {
  const id = HUNG_UP_IDS + index * 2;
  const { rdev, dev, uid, gid } = file.stat;
  if (!told.has(id))
    files.put('TTY_INFO', {
      message: {
        id,
        type: TtyType.PTY,
        locked: false,
        exclusive: false,
        packet_mode: false,
        sid: 0,
        pgrp: 0,
        rdev: Number(rdev & 0xffffffffn),
        pty: { index },
        dev: Number(dev & 0xffffffffn),
        uid,
        gid,
      },
    });
  told.add(id);
  const { id: own, stat, info, owner } = file;
  const regf = files.newId();
  // CRIU wants a path; its file is gone
  const name = `/dev/pts/${index}`;
  files.add(regularFile({ id: regf, name, stat, flags: info.flags, pos: 0n, fown: owner }));
  return { id: own, tty_info_id: id, flags: info.flags, fown: owner, regf_id: regf };
}

/** Ids as CRIU makes them of the terminal's driver and index: slaves of pseudoterminals are even numbers. */
function infoId(major: number, minor: number): number {
  if (major >= PTS_FIRST_MAJOR) return ((major - PTS_FIRST_MAJOR) * 256 + minor) * 2;
  return 0x10000 + major * 256 + minor;
}

function describeTerminal(file: Description, fd: number, id: number, index: number | undefined): TtyInfoEntry {
  const int = (request: number) => {
    const word = new Int32Array(1);
    return sysRaw('ioctl', fd, request, word) < 0 ? 0 : word[0]!;
  };
  const size = new Uint16Array(4);
  sysRaw('ioctl', fd, TIOCGWINSZ, size);
  const entry: TtyInfoEntry = {
    id,
    type: typeOf(file),
    locked: false,
    exclusive: int(TIOCGEXCL) !== 0,
    packet_mode: false,
    sid: 0,
    pgrp: 0,
    rdev: Number(file.stat.rdev & 0xffffffffn),
    termios: termios(fd, TCGETS),
    termios_locked: termios(fd, TIOCGLCKTRMIOS),
    winsize: { ws_row: size[0]!, ws_col: size[1]!, ws_xpixel: size[2]!, ws_ypixel: size[3]! },
    dev: Number(file.stat.dev & 0xffffffffn),
    uid: file.stat.uid,
    gid: file.stat.gid,
  };
  if (index !== undefined) entry.pty = { index };
  return entry;
}

/** The terminal's session and foreground group: only who has it as controlling terminal may ask. 1 batch. */
function jobControl(file: Description): { sid: number; pgrp: number } {
  const b = file.task.batch();
  b.reserve(2, 64);
  const ask = (request: number) => {
    const out = b.out(4);
    const result = b.tryCall('ioctl', file.fd, request, out);
    return () => (result.value < 0 ? 0 : out.view.getInt32(0, true));
  };
  const sid = ask(TIOCGSID);
  const pgrp = ask(TIOCGPGRP);
  b.run();
  return { sid: sid(), pgrp: pgrp() };
}

function typeOf(file: Description): number {
  const major = devMajor(file.stat.rdev);
  if (major >= PTS_FIRST_MAJOR) return TtyType.PTY;
  if (major === TTYAUX_MAJOR) return devMinor(file.stat.rdev) === 0 ? TtyType.CTTY : TtyType.CONSOLE;
  return devMinor(file.stat.rdev) < 64 ? TtyType.VT : TtyType.SERIAL;
}

/** Settings of a line; the control characters lie four in a number, as CRIU stores them. */
function termios(fd: number, request: number): TermiosEntry {
  const bytes = new DataView(new ArrayBuffer(TERMIOS_BYTES));
  sysRaw('ioctl', fd, request, bytes.buffer);
  const flag = (i: number) => bytes.getUint32(i * 4, true);
  const cc = new Uint8Array(NR_CC * 4);
  for (let i = 0; i < NR_CC; i++) cc[i] = bytes.getUint8(TERMIOS.cc + i);
  return {
    c_iflag: flag(0),
    c_oflag: flag(1),
    c_cflag: flag(2),
    c_lflag: flag(3),
    c_line: bytes.getUint8(TERMIOS.line),
    c_ispeed: 0,
    c_ospeed: 0,
    c_cc: [...new Uint32Array(cc.buffer)],
  };
}
