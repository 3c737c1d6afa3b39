import assert from 'node:assert/strict';
import test from 'node:test';
import { encodeImage, ImageError, imageJson } from '../../src/index.js';

/** A ghost file's image without its content: v1.1 header, magic, one message. */
const HEAD = encodeImage('{"magic": "GHOST_FILE", "entries": [{"uid": 0, "gid": 0, "mode": 33152}]}');
const contentOf = (length: number): Buffer =>
  Buffer.from(Array.from({ length }, (_, i) => (i * 167 + (i >> 3)) & 0xff));

/** As Python's base64.encodebytes. */
const lines = (bytes: Buffer): string =>
  (bytes.toString('base64').match(/.{1,76}/g) ?? []).map((line) => `${line}\n`).join('');

const jsonOf = (text: string): string =>
  JSON.stringify({ magic: 'GHOST_FILE', entries: [{ uid: 0, gid: 0, mode: 0o100600, extra: text }] });

test('a payload of any length is lines of base64, there and back', () => {
  for (const length of [...Array(300).keys(), 131_072, 131_073, 400_000]) {
    const content = contentOf(length);
    const image = Buffer.concat([HEAD, content]);
    const json = imageJson(image);
    const { extra } = (JSON.parse(json) as { entries: [{ extra?: string }] }).entries[0];
    assert.equal(extra, lines(content), `${length} bytes`);
    assert.ok(image.equals(encodeImage(json)), `${length} bytes`);
  }
});

test('base64 is read whatever its lines are', () => {
  const content = contentOf(100_000);
  const text = content.toString('base64');
  const image = Buffer.concat([HEAD, content]);
  for (const width of [1, 4, 64, 75, 76, 77, 80, 1000]) {
    const broken = text.match(new RegExp(`.{1,${width}}`, 'g'))?.join('\n') ?? '';
    for (const json of [jsonOf(broken), jsonOf(` ${broken}`), jsonOf(broken.replaceAll('\n', '\r\n'))])
      assert.ok(image.equals(encodeImage(json)), `lines of ${width}`);
  }
});

test('a character that is not base64 is refused wherever it stands', () => {
  const text = lines(contentOf(201));
  for (let at = 0; at < text.length - 1; at++)
    // in the last group '=' would be padding
    for (const wrong of ['#', 'é', '\0', ...(at < text.length - 5 ? ['='] : [])])
      assert.throws(
        () => encodeImage(jsonOf(text.slice(0, at) + wrong + text.slice(at + 1))),
        (error) => error instanceof ImageError && error.code === 'BAD_JSON' && error.fieldPath === 'entries[0].extra',
        `${JSON.stringify(wrong)} at ${at}`,
      );
});
