import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import test, { after } from 'node:test';
import {
  canonicalJson,
  CritError,
  type CritErrorCode,
  decodeImage,
  decodeMessage,
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

test('the type of an image says which messages it has', () => {
  const image = decodeImage(fixture('tree/core-812.img'));
  if (image.type !== 'CORE') assert.fail(image.type);
  const { message } = image.entries[0]!;
  assert.equal(message.tc?.comm, 'tree');
  // @ts-expect-error: a core has no descriptor
  assert.equal(message.fd, undefined);
  const core = decodeImage(fixture('tree/core-812.img'), { type: 'CORE' });
  assert.equal(core.entries[0]?.message.tc?.comm, 'tree');
  const error = imageErrorOf(() => decodeImage(fixture('tree/core-812.img'), { type: 'MM' }));
  assert.match(error.message, /core-812\.img: offset 0: a CORE image, not MM$/);
});

test('the codes of errors are a type', () => {
  // @ts-expect-error: there is no such code
  const code: CritErrorCode = 'NO_IMGE';
  assert.notEqual(new CritError('none', { code: 'NO_IMAGE' }).code, code);
});

const PSTREE = fixture('tree/pstree.img');
const changed = (change: (image: Record<string, unknown>, entry: Record<string, unknown>) => void) => {
  const image = decodeImage(PSTREE);
  change(image, image.entries[0] as never);
  return encodeImage(image);
};
/** Calls that a program got wrong: what they throw. */
const REFUSED: readonly (readonly [name: string, call: () => unknown, complaint: RegExp])[] = [
  ['no directory', () => new ImageDir(undefined as never), /^ImageDir takes the name of a directory, not undefined$/],
  ['null for an image', () => imageJson(null as never), /^an image is bytes, the path of a file, or .*, not null$/],
  ['nothing for an image', () => imageInfo(undefined as never), /^an image is bytes, .*, not undefined$/],
  ['null for bytes', () => decodeMessage('timeval', null as never), /^decodeMessage takes bytes, not null$/],
  ['null for a message', () => encodeMessage('timeval', null as never), /^timeval: expected an object, got null$/],
  ['nothing for a value', () => canonicalJson(undefined), /^canonicalJson takes a value that JSON has, not undefined$/],
  [
    'an image without entries',
    () => encodeImage({ type: 'PSTREE' } as never),
    /^entries: expected a list, got nothing$/,
  ],
  [
    'an entry of null',
    () => changed((image) => (image['entries'] = [null])),
    /^entries\[0\]: expected an object, got null$/,
  ],
  [
    'an entry without message',
    () => changed((image) => (image['entries'] = [{}])),
    /^entries\[0\]\.message: expected an obj/,
  ],
  [
    'an unknown member of an image',
    () => changed((image) => (image['foo'] = 1)),
    /^foo: there is no such member; there are/,
  ],
  [
    'an unknown member of an entry',
    () => changed((_, entry) => (entry['foo'] = 1)),
    /^entries\[0\]\.foo: there is no such mem/,
  ],
  [
    'an unknown field of a message',
    () => changed((_, { message }) => ((message as Record<string, unknown>)['foo'] = 1)),
    /^entries\[0\]\.foo: pstree_entry has no such field$/,
  ],
  [
    'an unknown header',
    () => changed((image) => (image['header'] = 'v3')),
    /^header: expected v1\.0 or common or service, got "v3"$/,
  ],
];
for (const [name, call, complaint] of REFUSED) {
  test(`the library refuses ${name}`, () => {
    assert.throws(call, (error) => error instanceof CritError && complaint.test(error.message));
  });
}
