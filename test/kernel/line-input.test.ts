import assert from 'node:assert/strict';
import test from 'node:test';
import { linesOf, quiet, typing, isCanonical } from '../../src/kernel/line-input.js';
import { TERMIOS, TERMIOS2_BYTES } from '../../src/kernel/uapi/ioctl.js';
import { CC, ICANON, IXON } from '../../src/kernel/uapi/termios.js';

const bytes = (text: string) => new Uint8Array(Buffer.from(text, 'latin1'));

function termios(lflag: number): Uint8Array {
  const raw = new Uint8Array(TERMIOS2_BYTES);
  const view = new DataView(raw.buffer);
  view.setUint32(TERMIOS.lflag, lflag, true);
  view.setUint32(TERMIOS.iflag, IXON, true);
  raw[TERMIOS.cc + CC.eof] = 4;
  return raw;
}
const cooked = termios(ICANON);

test('lines end at newlines and ends of file, which are no bytes of them', () => {
  assert.deepEqual(linesOf(cooked, bytes('a\nb\nc'), 4), { data: bytes('a\nb\nc'), ends: [2, 4] });
  assert.deepEqual(linesOf(cooked, bytes('\0ab\0c'), 2), { data: bytes('abc'), ends: [0, 2] });
  assert.deepEqual(linesOf(cooked, bytes('a\0b\n'), 4), { data: bytes('a\0b\n'), ends: [4] });
});

test('what can be read beyond the last newline was typed in another mode: it is one line', () => {
  assert.deepEqual(linesOf(cooked, bytes('a\nb'), 3), { data: bytes('a\nb'), ends: [3] });
  const typed = typing(cooked, { data: bytes('a\nb'), ends: [3] });
  assert.deepEqual(typed.bytes, bytes('a\nb'));
  assert.ok(!isCanonical(typed.termios));
});

test('an end of file is typed by a character that the data has not', () => {
  const typed = typing(cooked, { data: bytes('\x01ab\n'), ends: [0, 4] });
  const eof = typed.termios[TERMIOS.cc + CC.eof]!;
  assert.deepEqual(typed.bytes, Uint8Array.of(eof, 1, 97, 98, 10));
  assert.ok(eof > 1 && ![10, 97, 98].includes(eof));
});

test('a newline that ends no line is quoted', () => {
  const typed = typing(cooked, { data: bytes('a\nb\n'), ends: [2, 3, 4] });
  const [eof, lnext] = [CC.eof, CC.lnext].map((i) => typed.termios[TERMIOS.cc + i]!);
  assert.deepEqual(typed.bytes, Uint8Array.of(97, 10, 98, eof!, 10));
  const quoted = typing(cooked, { data: bytes('a\nb\n'), ends: [4, 4] });
  assert.deepEqual(quoted.bytes, Uint8Array.of(97, lnext!, 10, 98, 10, eof!));
});

test('flow control stays while a line is quiet', () => {
  assert.equal(new DataView(quiet(cooked).buffer).getUint32(TERMIOS.iflag, true), IXON);
  assert.ok(!isCanonical(quiet(cooked)));
});
