import type { TermiosEntry, WinsizeEntry } from '../image/generated/messages.js';
import { NR_CC, TERMIOS, TERMIOS2_BYTES } from '../kernel/uapi/ioctl.js';

/** struct termios2, which begins as struct termios does. The control characters lie four in a number, as CRIU stores them. */
export function termiosBytes(entry: TermiosEntry): Uint8Array {
  const view = new DataView(new ArrayBuffer(TERMIOS2_BYTES));
  view.setUint32(TERMIOS.iflag, entry.c_iflag, true);
  view.setUint32(TERMIOS.oflag, entry.c_oflag, true);
  view.setUint32(TERMIOS.cflag, entry.c_cflag, true);
  view.setUint32(TERMIOS.lflag, entry.c_lflag, true);
  view.setUint8(TERMIOS.line, entry.c_line);
  view.setUint32(TERMIOS.ispeed, entry.c_ispeed, true);
  view.setUint32(TERMIOS.ospeed, entry.c_ospeed, true);
  const characters = new Uint8Array(Uint32Array.from(entry.c_cc ?? []).buffer).subarray(0, NR_CC);
  new Uint8Array(view.buffer).set(characters, TERMIOS.cc);
  return new Uint8Array(view.buffer);
}

/** struct winsize. */
export const winsizeBytes = ({ ws_row, ws_col, ws_xpixel, ws_ypixel }: WinsizeEntry): Uint8Array =>
  new Uint8Array(Uint16Array.of(ws_row, ws_col, ws_xpixel, ws_ypixel).buffer);

/** Whether anything is locked by it (TIOCSLCKTRMIOS). */
export const locks = ({ c_iflag, c_oflag, c_cflag, c_lflag, c_cc }: TermiosEntry): boolean =>
  [c_iflag, c_oflag, c_cflag, c_lflag, ...(c_cc ?? [])].some((bits) => bits !== 0);
