import { TERMIOS } from './uapi/ioctl.js';
import { CC, EXTPROC, ICANON, IEXTEN, IXON, OPOST } from './uapi/termios.js';

/**
 * What the line discipline (n_tty) holds of a terminal's input. In canonical mode it is cut into lines, the last of which
 * may not have ended. A line ends with its newline or another end character, or with an end of file (^D), which is no
 * byte of what is read.
 */
export interface LineInput {
  /** What can be read, and what will be when the last line ends. */
  readonly data: Uint8Array;
  /** Where lines end: offsets into the data, ascending; one that stands twice is an end of file alone. */
  readonly ends: readonly number[];
}

/** What has to be written to the master so that a terminal comes to hold an input, and the settings meanwhile. */
export interface Typing {
  /** struct termios2 */
  readonly termios: Uint8Array;
  readonly bytes: Uint8Array;
}

const NEWLINE = 10;
const view = (termios: Uint8Array) => new DataView(termios.buffer, termios.byteOffset, termios.length);
const word = (termios: Uint8Array, at: number) => view(termios).getUint32(at, true);
const character = (termios: Uint8Array, index: number) => termios[TERMIOS.cc + index]!;

/** Whether input is read by lines. */
export function isCanonical(termios: Uint8Array): boolean {
  return (word(termios, TERMIOS.lflag) & (ICANON | EXTPROC)) === ICANON;
}

/** Whether somebody else does what a line discipline does (telnetd); a master in packet mode hears of any new settings. */
export function isExternal(termios: Uint8Array): boolean {
  return (word(termios, TERMIOS.lflag) & EXTPROC) !== 0;
}

/** What stops the output when it is typed (^S); undefined where nothing does. */
export function stopCharacter(termios: Uint8Array): number | undefined {
  const stop = character(termios, CC.stop);
  const isFlow = word(termios, TERMIOS.iflag) & IXON && !isExternal(termios);
  return isFlow && stop !== 0 && stop !== character(termios, CC.start) ? stop : undefined;
}

/**
 * Settings by which every byte is read and written as it is, without echo and without waiting. Flow control is not
 * touched: a master in packet mode would hear of it (TIOCPKT_NOSTOP), and output that is stopped would start.
 */
export function quiet(termios: Uint8Array): Uint8Array {
  const copy = termios.slice();
  const v = view(copy);
  v.setUint32(TERMIOS.iflag, word(termios, TERMIOS.iflag) & IXON, true);
  v.setUint32(TERMIOS.oflag, word(termios, TERMIOS.oflag) & ~OPOST, true);
  v.setUint32(TERMIOS.lflag, word(termios, TERMIOS.lflag) & EXTPROC, true);
  copy[TERMIOS.cc + CC.min] = 0;
  copy[TERMIOS.cc + CC.time] = 0;
  return copy;
}

/** The same, in lines: those characters that end lines do, and what is told here. 0 for no such character. */
function quietLines(termios: Uint8Array, eof: number, lnext: number): Uint8Array {
  const copy = quiet(termios);
  view(copy).setUint32(TERMIOS.lflag, ICANON | IEXTEN, true);
  const ends = endCharacters(termios);
  const kept: Record<number, number> = {
    [CC.start]: character(termios, CC.start),
    [CC.stop]: character(termios, CC.stop),
    [CC.eof]: eof,
    [CC.lnext]: lnext,
    [CC.eol]: ends[1] ?? 0,
    [CC.eol2]: ends[2] ?? 0,
  };
  for (let i = 0; TERMIOS.cc + i < TERMIOS.ispeed; i++) copy[TERMIOS.cc + i] = kept[i] ?? 0;
  return copy;
}

/** Characters that end a line. */
function endCharacters(termios: Uint8Array): number[] {
  const eol2 = word(termios, TERMIOS.lflag) & IEXTEN ? character(termios, CC.eol2) : 0;
  return [NEWLINE, ...[character(termios, CC.eol), eol2].filter((c) => c !== 0)];
}

/** How an input that is nothing but lines with their end characters is typed: without knowing it. */
export function typingUnseen(termios: Uint8Array): Uint8Array {
  return isCanonical(termios) ? quietLines(termios, 0, 0) : quiet(termios);
}

/** How an input is typed. */
export function typing(termios: Uint8Array, { data, ends }: LineInput): Typing {
  if (!isCanonical(termios)) return { termios: quiet(termios), bytes: data };
  const ending = endCharacters(termios);
  // what was typed raw is one line when the mode changes
  if (ends.length === 1 && ends[0] === data.length && data.subarray(0, -1).some((c) => ending.includes(c)))
    return { termios: quiet(termios), bytes: data };
  const used = new Set([0, ...ending, character(termios, CC.start), character(termios, CC.stop), ...data]);
  const [eof = 0, lnext = 0] = Array.from({ length: 256 }, (_, c) => c).filter((c) => !used.has(c));
  const bytes: number[] = [];
  let next = 0;
  const endOfFiles = (at: number) => {
    for (; ends[next] === at; next++) bytes.push(eof);
  };
  endOfFiles(0);
  data.forEach((c, i) => {
    const ends_ = ends[next] === i + 1 && ending.includes(c);
    if (ending.includes(c) && !ends_) bytes.push(lnext);
    bytes.push(c);
    if (ends_) next++;
    endOfFiles(i + 1);
  });
  return { termios: quietLines(termios, eof, lnext), bytes: Uint8Array.from(bytes) };
}

/** The lines of a text whose end characters all end one. */
export function plainLines(termios: Uint8Array, data: Uint8Array): LineInput {
  const ending = endCharacters(termios);
  return { data, ends: [...data.keys()].filter((i) => ending.includes(data[i]!)).map((i) => i + 1) };
}

/**
 * The lines of what was read as bytes, where ends of file are zeros as well as zeros are.
 * @param readable what FIONREAD told before, of the lines that have ended and without ends of file
 */
export function linesOf(termios: Uint8Array, bytes: Uint8Array, readable: number): LineInput {
  const plain = plainLines(termios, bytes);
  if ((plain.ends.at(-1) ?? 0) === readable) return plain;
  const ending = endCharacters(termios);
  const data: number[] = [];
  const ends: number[] = [];
  for (const c of bytes) {
    if (c !== 0) data.push(c);
    if (c === 0 || ending.includes(c)) ends.push(data.length);
  }
  if ((ends.at(-1) ?? 0) === readable) return { data: Uint8Array.from(data), ends };
  // read in another mode than it was typed in: all that is there can be read
  return { data: bytes, ends: [bytes.length] };
}
