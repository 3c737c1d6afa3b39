import { TtyType, type TtyInfoEntry } from './generated/messages.js';

/** Documentation/admin-guide/devices.txt: the major numbers of terminals. */
export const TTY_MAJOR = 4;
export const TTYAUX_MAJOR = 5;
/** Unix98 masters have these to themselves, though all are opened as /dev/ptmx. */
const PTM_MAJORS = { first: 128, last: 135 };
export const PTS_MAJORS = { first: 136, last: 143 };
/** Of consoles and serial lines. */
export const isTerminalMajor = (n: number): boolean => n === TTY_MAJOR || n === TTYAUX_MAJOR;
/** Minor numbers of TTYAUX_MAJOR. */
export const TTYAUX = { tty: 0, console: 1, ptmx: 2 } as const;

/** Larger indices of pseudoterminals CRIU does not dump: its ids for other terminals begin behind them. */
const MOST_PTY = 1000;
const LARGE_IDS = 0x800000;
/** Above all ids of terminals that are alive. */
const HUNG_UP_IDS = 0x1000000;
/** There are numbers for so many consoles and serial lines beyond the first of their kinds. */
export const MOST_DEVICES = 80;
/** CRIU has numbers for so many. */
export const MOST_EXTERNAL = 64;

/** Numbers of tty_info_entry, where CRIU has some the same ones: a terminal that is alive has one up to 2176 there. */
export const ttyInfoId = {
  slave: (index: number): number => (index > MOST_PTY ? LARGE_IDS : 0) + index * 2,
  master: (index: number): number => ttyInfoId.slave(index) + 1,
  hungUp: (index: number): number => HUNG_UP_IDS + index * 2,
  console: 2004,
  virtual: 2008,
  serial: 2020,
  /** Of further consoles and serial lines, n from 0 to 80: CRIU has one number for all of a kind. */
  device: (n: number): number => 2003 + n * 2,
  /** Of terminals that belong to somebody else (--external), n from 0 to 63. */
  external: (n: number): number => 2026 + n * 2,
  /** Of /dev/tty; CRIU has the first only. */
  current: (n: number): number => (n === 0 ? 2012 : 2154 + n * 2),
};

/** The major number of a file, as st_rdev has it. */
const major = (rdev: number): number => (rdev >>> 8) & 0xfff;

/** Whether it is the master of a pseudoterminal. */
export function isPtyMaster({ pty, rdev }: TtyInfoEntry): boolean {
  if (!pty) return false;
  const m = major(rdev);
  return (m === TTYAUX_MAJOR && (rdev & 0xff) === TTYAUX.ptmx) || (m >= PTM_MAJORS.first && m <= PTM_MAJORS.last);
}

/** Whether it is a slave whose master was closed: such a one has no settings, to CRIU too. */
export const hasHungUp = ({ pty, termios }: TtyInfoEntry): boolean => pty !== undefined && termios === undefined;

/** The pseudoterminals whose masters are in the images, by index. */
export function mastersOf(infos: readonly TtyInfoEntry[]): Map<number, TtyInfoEntry> {
  return new Map(infos.filter((info) => isPtyMaster(info) && !hasHungUp(info)).map((info) => [info.pty!.index, info]));
}

/** Whether it is a device of the machine. */
export const isDeviceTerminal = ({ type }: Pick<TtyInfoEntry, 'type'>): boolean =>
  type === TtyType.CONSOLE || type === TtyType.VT || type === TtyType.SERIAL;

/**
 * The terminals that belong to whoever started the tree (a shell job's), of those that are alive.
 * @param infos all of the images
 * @param isElse whether a terminal is another: there is a descriptor for it (--inherit-fd), or it is opened by name
 */
export function outerTerminals(
  infos: readonly TtyInfoEntry[],
  isElse: (info: TtyInfoEntry) => boolean,
): TtyInfoEntry[] {
  const masters = mastersOf(infos);
  const isForeign = (info: TtyInfoEntry) => info.type === TtyType.EXT_TTY || isElse(info);
  const controlling = [...masters.values(), ...infos.filter(isForeign)];
  const sessions = new Set(controlling.map(({ sid }) => sid).filter((sid) => sid !== 0));
  return infos.filter((info) => {
    if (hasHungUp(info) || isForeign(info)) return false;
    if (info.type === TtyType.CTTY) return !sessions.has(info.sid);
    return !info.pty || !masters.has(info.pty.index);
  });
}
