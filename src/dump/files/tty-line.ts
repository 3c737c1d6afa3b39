import type { TermiosEntry, TtyInfoEntry } from '../../image/generated/messages.js';
import { ERRNO } from '../../kernel/uapi/errno.js';
import {
  NR_CC,
  TCGETS,
  TCGETS2,
  TERMIOS,
  TERMIOS2_BYTES,
  TERMIOS_BYTES,
  TIOCGETD,
  TIOCGEXCL,
  TIOCGLCKTRMIOS,
  TIOCGPKT,
  TIOCGPTLCK,
  TIOCGWINSZ,
} from '../../kernel/uapi/ioctl.js';
import { POLLIN, POLLOUT, POLLPRI } from '../../kernel/uapi/socket.js';
import {
  K_UNICODE,
  K_XLATE,
  KDGETMODE,
  KDGKBMODE,
  VT_AUTO,
  VT_GETMODE,
  VT_MODE_BYTES,
} from '../../kernel/uapi/console.js';
import { pollFd } from '../../native/poll.js';
import { sysRaw } from '../../native/sys.js';
import type { Description } from './description.js';
import { unsupported } from './unsupported.js';

/** True for a slave whose master is closed: whatever is asked of it says EIO. */
export function isHungUp(fd: number): boolean {
  return sysRaw('ioctl', fd, TCGETS, new ArrayBuffer(TERMIOS_BYTES)) === -ERRNO.EIO;
}

/** Nothing can be written, though there is room: it was stopped, as by ^S or tcflow(3). */
export const isStopped = (fd: number): boolean => (pollFd(fd, POLLOUT, 0) & POLLOUT) === 0;

/** The int that an ioctl gives; undefined where it fails. */
export function askInt(fd: number, request: number): number | undefined {
  const word = new Int32Array(1);
  return sysRaw('ioctl', fd, request, word) < 0 ? undefined : word[0];
}

type Line = Pick<TtyInfoEntry, 'locked' | 'exclusive' | 'packet_mode' | 'termios' | 'termios_locked' | 'winsize'>;

/** What a terminal is set to, asked of crit's own descriptor. @throws CritError UNSUPPORTED */
export function lineOf(file: Description, fd: number, isMaster: boolean): Line {
  const discipline = askInt(fd, TIOCGETD);
  if (discipline) throw unsupported(file, `a terminal with line discipline ${discipline}`);
  const size = new Uint16Array(4);
  sysRaw('ioctl', fd, TIOCGWINSZ, size);
  const packets = isMaster && askInt(fd, TIOCGPKT) === 1;
  if (packets && pollFd(fd, POLLPRI, 0) & POLLPRI)
    throw unsupported(file, 'a terminal in packet mode (TIOCPKT) with a status that nobody has read');
  return {
    locked: isMaster && askInt(fd, TIOCGPTLCK) === 1,
    exclusive: askInt(fd, TIOCGEXCL) === 1,
    packet_mode: packets,
    termios: termios(fd, TCGETS2),
    termios_locked: termios(fd, TIOCGLCKTRMIOS),
    winsize: { ws_row: size[0]!, ws_col: size[1]!, ws_xpixel: size[2]!, ws_ypixel: size[3]! },
  };
}

/** A console or serial line holds what images have no place for. @throws CritError UNSUPPORTED */
export function checkDevice(file: Description, fd: number): void {
  if ((pollFd(fd, POLLIN, 0) & POLLIN) !== 0) throw unsupported(file, 'a terminal with data that nobody has read,');
  if (isStopped(fd)) throw unsupported(file, 'a terminal whose output is stopped or full,');
  if (askInt(fd, KDGETMODE)) throw unsupported(file, 'a console in graphics mode (KDSETMODE)');
  const keys = askInt(fd, KDGKBMODE);
  if (keys !== undefined && keys !== K_XLATE && keys !== K_UNICODE)
    throw unsupported(file, 'a console whose keys are read raw (KDSKBMODE)');
  const mode = new Uint8Array(VT_MODE_BYTES);
  if (sysRaw('ioctl', fd, VT_GETMODE, mode) >= 0 && mode[0] !== VT_AUTO)
    throw unsupported(file, 'a console that a process switches (VT_SETMODE)');
}

/** Settings of a line; the control characters lie four in a number, as CRIU stores them. */
function termios(fd: number, request: number): TermiosEntry {
  const bytes = new DataView(new ArrayBuffer(TERMIOS2_BYTES));
  sysRaw('ioctl', fd, request, bytes.buffer);
  const word = (at: number) => bytes.getUint32(at, true);
  const cc = new Uint8Array(NR_CC * 4);
  for (let i = 0; i < NR_CC; i++) cc[i] = bytes.getUint8(TERMIOS.cc + i);
  return {
    c_iflag: word(TERMIOS.iflag),
    c_oflag: word(TERMIOS.oflag),
    c_cflag: word(TERMIOS.cflag),
    c_lflag: word(TERMIOS.lflag),
    c_line: bytes.getUint8(TERMIOS.line),
    c_ispeed: word(TERMIOS.ispeed),
    c_ospeed: word(TERMIOS.ospeed),
    c_cc: [...new Uint32Array(cc.buffer)],
  };
}
