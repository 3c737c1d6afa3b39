// asm-generic/termbits.h, in octal as it has them.

// c_iflag
export const IXON = 0o2000;
// c_oflag
export const OPOST = 0o1;
// c_lflag
export const ICANON = 0o2;
export const IEXTEN = 0o100000;
export const EXTPROC = 0o200000;

/** c_cc: indices. */
export const CC = {
  eof: 4,
  time: 5,
  min: 6,
  start: 8,
  stop: 9,
  eol: 11,
  lnext: 15,
  eol2: 16,
} as const;
