import { FdTypes } from '../../image/generated/messages.js';
import { PTS_MAJORS, TTY_MAJOR, TTYAUX_MAJOR } from '../../image/terminals.js';
import { O_PATH } from '../../kernel/uapi/open-flags.js';
import { devMajor, S_IFCHR, S_IFMT } from '../../kernel/uapi/stat.js';
import type { Description } from './description.js';
import type { FileKind } from './kind.js';
import { Terminals } from './terminals.js';

function isTty(file: Description): boolean {
  const major = devMajor(file.stat.rdev);
  return major === TTY_MAJOR || major === TTYAUX_MAJOR || (major >= PTS_MAJORS.first && major <= PTS_MAJORS.last);
}

/**
 * Terminals (pty(7)). A pseudoterminal whose master is in the tree is dumped with all that it holds; of the one that a
 * shell job has from its shell only the settings, at restore it is the terminal that crit itself stands on.
 */
export const tty: FileKind = {
  type: FdTypes.TTY,
  matches: (file) => (file.stat.mode & S_IFMT) === S_IFCHR && !(file.info.flags & O_PATH) && isTty(file),
  make: (files) => {
    const terminals = new Terminals(files);
    return (file) => ({ tty: terminals.entry(file) });
  },
};
