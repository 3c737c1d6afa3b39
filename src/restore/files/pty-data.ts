import { imageFileName } from '../../image/catalogue.js';
import { CritError } from '../../image/errors.js';
import type { TtyDataEntry } from '../../image/generated/messages.js';
import { isCanonical, plainLines, quiet, typing } from '../../kernel/line-input.js';
import { TCGETS2, TCSETS2, TERMIOS2_BYTES, TIOCSTI } from '../../kernel/uapi/ioctl.js';
import { O_NONBLOCK, O_RDWR } from '../../kernel/uapi/open-flags.js';
import { sys, sysRaw } from '../../native/sys.js';
import { sleep } from '../../task/wait.js';
import type { Pty } from './pty.js';

const TRIES = 200;

/** What was written to a terminal and not read: by the slave, and by the master. */
export interface PtyData {
  readonly output: TtyDataEntry | undefined;
  readonly input: TtyDataEntry | undefined;
}

/** Has a terminal hold what it held; its settings are as they will be. @throws CritError TERMINAL_DATA */
export function fillPty(pty: Pty, index: number, { output, input }: PtyData): void {
  if (!output && !input) return;
  const { master } = pty;
  const slave = pty.open(O_RDWR | O_NONBLOCK);
  const set = (to: Uint8Array) => sys('ioctl', master, TCSETS2, to);
  const termios = new Uint8Array(TERMIOS2_BYTES);
  sys('ioctl', master, TCGETS2, termios);
  if (output) {
    set(quiet(termios));
    write(slave, index, output.data);
  }
  if (input) {
    const { data, ends } = input;
    const lines = ends || !isCanonical(termios) ? { data, ends: ends ?? [] } : plainLines(termios, data);
    const typed = typing(termios, lines);
    set(typed.termios);
    // through the line discipline at once, while what is written goes there later, by a worker of the kernel
    for (const c of typed.bytes) sys('ioctl', slave, TIOCSTI, Uint8Array.of(c));
  }
  set(termios);
}

/** Writes all of it: there is room, unless the images lie. */
function write(fd: number, index: number, data: Uint8Array): void {
  for (let at = 0, tries = 0; at < data.length;) {
    const n = sysRaw('write', fd, data.subarray(at), data.length - at);
    if (n <= 0 && tries++ === TRIES)
      throw new CritError(
        `${imageFileName('TTY_DATA')}: /dev/pts/${index} takes ${at} of the ${data.length} bytes that waited in it`,
        { code: 'TERMINAL_DATA' },
      );
    // a worker of the kernel takes it on
    if (n <= 0) sleep(1);
    at += Math.max(n, 0);
  }
}
