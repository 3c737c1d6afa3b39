import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { quoteName, unquote } from '../../src/image/quoted-printable.js';

/** Bytes as a latin-1 string, and what Python's quopri.encodestring makes of them. */
const PYTHON: readonly (readonly [bytes: string, text: string])[] = [
  ['', ''],
  ['/tmp/socket\0', '/tmp/socket=00'],
  ['\0abstract name', '=00abstract name'],
  ['a=b', 'a=3Db'],
  ['tab\t', 'tab=09'],
  ['blank ', 'blank=20'],
  ['.', '=2E'],
  ['..', '..'],
  ['.\0', '=2E=00'],
  ['a \nb', 'a=20\nb'],
  ['\xff\x7f~', '=FF=7F~'],
  ['x'.repeat(100), `${'x'.repeat(75)}=\n${'x'.repeat(25)}`],
  ['\xff'.repeat(30), `${'=FF'.repeat(25)}=\n${'=FF'.repeat(5)}`],
];
for (const [bytes, text] of PYTHON) {
  test(`${JSON.stringify(bytes.slice(0, 20))} is quoted as Python does`, () => {
    assert.equal(quoteName(Buffer.from(bytes, 'latin1')), text);
    assert.equal(Buffer.from(unquote(Buffer.from(text, 'latin1'))).toString('latin1'), bytes);
  });
}

/** What people may write: escapes in lower case, bare equals signs, soft line breaks. */
for (const [text, bytes] of [
  ['=c3=A9', '\xc3\xa9'],
  ['a=', 'a'],
  ['a=g', 'a=g'],
  ['a==b', 'a=b'],
  ['a=\nb', 'ab'],
  ['a=\r\nb', 'ab'],
] as const) {
  test(`${JSON.stringify(text)} is read`, () => {
    assert.equal(Buffer.from(unquote(Buffer.from(text, 'latin1'))).toString('latin1'), bytes);
  });
}

test('any bytes come back', () => {
  const piece = fc.oneof(
    fc.uint8Array({ maxLength: 4 }),
    fc.constantFrom(...['\r', '\n', ' ', '.', '=', 'x'].map((c) => Buffer.from(c))),
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 120 }), (pieces) => {
      const bytes = Buffer.concat(pieces);
      assert.ok(Buffer.from(unquote(Buffer.from(quoteName(bytes), 'latin1'))).equals(bytes));
    }),
  );
});
