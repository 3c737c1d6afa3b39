import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import test, { after } from 'node:test';
import {
  canonicalJson,
  CritError,
  decodeImage,
  encodeImage,
  encodeMessage,
  ImageDir,
  imageInfo,
  imageJson,
  ImageError,
} from '../src/index.js';
import { contentOf, FIXTURES, imageErrorOf, imagesBelow } from './image/run-image.js';
import { fixture } from './project-path.js';

const scratch = mkdtempSync(path.join(os.tmpdir(), 'crit-library-'));
after(() => rmSync(scratch, { recursive: true, force: true }));

test('decodeImage and encodeImage bring every image back, from its bytes and from its file', () => {
  for (const file of imagesBelow(FIXTURES)) {
    const bytes = contentOf(file);
    const image = decodeImage(file);
    assert.ok(Buffer.from(encodeImage(image)).equals(bytes), file);
    assert.deepEqual(decodeImage(bytes), image);
    assert.ok(Buffer.from(encodeImage(imageJson(file))).equals(bytes), file);
  }
});

test('encodeImage takes parsed JSON, with bigint where numbers end', () => {
  const time = { tv_sec: 18446744073709551615n, tv_nsec: 1 };
  const bytes = encodeImage({ magic: 'TIMENS', entries: [{ monotonic: time, boottime: time }] });
  assert.match(imageJson(bytes), /"tv_sec": 18446744073709551615/);
});

test('canonicalJson sorts keys and prints 64 bits exactly', () => {
  assert.equal(
    canonicalJson({ b: -5n, a: { d: [1n << 63n, '\ud83d\ude00"5"'], c: Uint8Array.of(1, 2) }, n: null }),
    '{"a":{"c":"AQI=","d":[9223372036854775808,"😀\\"5\\""]},"b":-5,"n":null}',
  );
  assert.equal(
    canonicalJson(decodeImage(fixture('tree/pstree.img'))),
    canonicalJson(decodeImage(contentOf(fixture('tree/pstree.img')))),
  );
});

test('ImageDir lists, reads, iterates and writes', async () => {
  const images = new ImageDir(fixture('tree'));
  const listed = images.list();
  assert.ok(listed.some(({ file, type }) => file === 'pstree.img' && type === 'PSTREE'));
  const core = listed.find(({ type }) => type === 'CORE');
  assert.ok(core && core.sizeBytes > 0 && typeof core.id === 'number');
  assert.equal(typeof images.read('CORE', core.id).entries[0]?.message.tc?.comm, 'string');
  const entries = [];
  for await (const entry of images.entries('PSTREE')) entries.push(entry);
  assert.deepEqual(entries, images.read('PSTREE').entries);
  assert.equal(images.readIfPresent('TTY_DATA'), undefined);

  const copy = new ImageDir(scratch);
  copy.write('PSTREE', undefined, entries);
  const file = path.join(scratch, 'pstree.img');
  assert.ok(contentOf(file).equals(contentOf(fixture('tree/pstree.img'))));
  assert.equal(statSync(file).mode & 0o777, 0o600);
  const writer = copy.writer('PIPES_DATA');
  writer.append({ pipe_id: 1, bytes: 3 }, Buffer.from('abc'));
  writer.close();
  assert.deepEqual(imageInfo(path.join(scratch, 'pipes-data.img')), {
    magic: 'PIPES_DATA',
    count: 1,
    type: 'PIPES_DATA',
  });
});

test('an existing file that all may read, or a link to elsewhere, is replaced by one that only the owner reads', () => {
  const file = path.join(scratch, 'utsns-1.img');
  writeFileSync(file, 'old', { mode: 0o644 });
  new ImageDir(scratch).write('UTSNS', 1, [{ message: { nodename: 'a', domainname: 'b' } }]);
  assert.equal(statSync(file).mode & 0o777, 0o600);
});

test('a missing directory and a missing image are told apart from a damaged one', () => {
  assert.throws(
    () => new ImageDir(path.join(scratch, 'nowhere')).list(),
    (error) => error instanceof CritError && error.code === 'NO_IMAGE',
  );
  assert.equal(imageErrorOf(() => new ImageDir(scratch).read('MM', 1)).code, 'NO_IMAGE');
  writeFileSync(path.join(scratch, 'mm-2.img'), contentOf(fixture('tree/pstree.img')));
  const error = imageErrorOf(() => new ImageDir(scratch).read('MM', 2));
  assert.match(error.message, /mm-2\.img: offset 0: a PSTREE image, not MM/);
});

/** Messages that a program got wrong, and what encodeMessage says. */
const WRONG: readonly (readonly [name: string, message: object, complaint: RegExp])[] = [
  ['a missing required field', { id: 1, flags: 0, type: 1 }, /^fdinfo_entry\.fd: required, and missing$/],
  ['a number out of range', { id: 2 ** 32, flags: 0, type: 1, fd: 0 }, /^fdinfo_entry\.id: 4294967296 does not fit/],
  ['a fraction', { id: 0.5, flags: 0, type: 1, fd: 0 }, /^fdinfo_entry\.id: expected an integer, got 0\.5$/],
  [
    'a number beyond exactness',
    { id: 2 ** 60, flags: 0, type: 1, fd: 0 },
    /^fdinfo_entry\.id: 1152921504606847000 is beyond/,
  ],
  ['a string for a number', { id: '1', flags: 0, type: 1, fd: 0 }, /^fdinfo_entry\.id: expected an integer, got "1"$/],
];
for (const [name, message, complaint] of WRONG) {
  test(`encodeMessage refuses ${name}`, () => {
    assert.throws(
      () => encodeMessage('fdinfo_entry', message as never),
      (error) => error instanceof ImageError && complaint.test(error.message),
    );
  });
}
