import assert from 'node:assert/strict';
import test from 'node:test';
import { encodeEntries } from '../../src/encode/image-writer.js';
import { bytesOf, imageErrorOf, jsonOf } from '../image/run-image.js';

interface Recovered {
  entries: Record<string, unknown>[];
  complaints: string[];
}

function recover(bytes: Uint8Array, pretty = false): Recovered {
  const complaints: string[] = [];
  const json = jsonOf(bytes, { recover: true, pretty, onDamage: (error) => complaints.push(error.message) });
  return { entries: (JSON.parse(json) as { entries: Record<string, unknown>[] }).entries, complaints };
}

const message = (id: number): object => ({ id, flags: 0, type: 1, fd: id });
const three = (): Buffer =>
  Buffer.from(encodeEntries({ type: 'FDINFO', entries: [1, 2, 3].map((id) => ({ message: message(id) })) }));

test('a message that is unsound is printed as far as it goes, those around it whole', () => {
  const bytes = three();
  // The second entry's type gets wire type 6.
  bytes[20 + 4 + 4] = 0x1e;
  for (const pretty of [false, true]) {
    const { entries, complaints } = recover(bytes, pretty);
    assert.equal(entries.length, 3);
    assert.deepEqual(Object.keys(entries[1] ?? {}), ['id', 'flags', '$damaged']);
    assert.equal(entries[2]?.['id'], 3);
    assert.deepEqual(complaints, ['entry 1, offset 29: wire type 6 of field 3 does not exist']);
  }
});

test('a field of a wrong wire type is left out, the fields behind it are there', () => {
  const bytes = Buffer.concat([
    three().subarray(0, 8),
    Buffer.from('09000000 08011000 1a0161 2003'.replaceAll(' ', ''), 'hex'),
  ]);
  const { entries, complaints } = recover(bytes);
  assert.deepEqual(Object.keys(entries[0] ?? {}), ['id', 'flags', 'fd', '$damaged']);
  assert.deepEqual(complaints, ['entry 0, offset 16, type: has wire type 2, a field of type enum has 0']);
});

test('a size that lies ends the image, what it hides is told', () => {
  const bytes = three();
  bytes.writeUInt32LE(0xffffffff, 20);
  const { entries, complaints } = recover(bytes);
  assert.equal(entries[0]?.['id'], 1);
  assert.equal(entries[1]?.['id'], 2);
  assert.ok('$damaged' in entries[1]);
  assert.match(complaints.join('\n'), /^entry 1, offset 20: announces a message of 4294967295 bytes, 20 are left$/);
});

test('a payload that is cut off is printed as far as it goes', () => {
  const whole = encodeEntries({
    type: 'PIPES_DATA',
    entries: [{ message: { pipe_id: 1, bytes: 6 }, extra: Buffer.from('abcdef') }],
  }).slice();
  const { entries, complaints } = recover(whole.subarray(0, whole.length - 2));
  assert.equal(entries[0]?.['extra'], 'YWJjZA==\n');
  assert.ok('$damaged' in entries[0]);
  assert.match(complaints.join('\n'), /entry 0, offset \d+, extra: bytes announces 6 bytes, 4 are left/);
});

test('the JSON of a damaged image is not encoded before somebody has seen to it', () => {
  const bytes = three();
  bytes[28] = 0x1e;
  const json = jsonOf(bytes, { recover: true });
  assert.match(imageErrorOf(() => bytesOf(json)).message, /^entries\[1\]\.\$damaged: the image was damaged here/);
});

test('a file that is no image is refused in spite of --recover', () => {
  assert.equal(imageErrorOf(() => jsonOf(Buffer.alloc(64), { recover: true })).code, 'UNKNOWN_MAGIC');
});
