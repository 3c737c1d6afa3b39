import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { gunzipSync, gzipSync } from 'node:zlib';
import { pack, packedAs, unpack, type PackedAs } from '../../src/edit/pack.js';
import { writeSet } from '../../src/edit/write-set.js';
import { openCheckpoint } from '../../src/inspect/checkpoint.js';
import { taskTree } from '../../src/inspect/tree.js';
import { fresh, withPages } from './sets.js';

const set = withPages('tree');

function packed(as: PackedAs): string {
  const file = `${fresh()}.${as === 'gzip' ? 'tar.gz' : as === 'zstd' ? 'tar.zst' : 'tar'}`;
  const parts: Buffer[] = [];
  pack(openCheckpoint(set), as, (bytes) => parts.push(Buffer.from(bytes)));
  writeFileSync(file, Buffer.concat(parts));
  return file;
}

const HAS_ZSTD = Number(process.versions.node.split('.')[0]) >= 24;

for (const as of ['tar', 'gzip', 'zstd'] as const)
  test(
    `a set that was packed as ${as} is unpacked byte for byte`,
    { skip: as === 'zstd' && !HAS_ZSTD && 'this Node has no zstd' },
    () => {
      const file = packed(as);
      assert.equal(packedAs(file), as);
      assert.deepEqual(taskTree(openCheckpoint(file).images), taskTree(openCheckpoint(set).images));
      const to = fresh();
      writeSet(unpack(openCheckpoint(file)), to);
      assert.deepEqual(readdirSync(to), readdirSync(set));
      for (const name of readdirSync(set))
        assert.ok(readFileSync(path.join(to, name)).equals(readFileSync(path.join(set, name))), name);
    },
  );

test('a flipped bit anywhere in the files, a missing file and a cut are noticed, and nothing is unpacked', () => {
  const whole = gunzipSync(readFileSync(packed('gzip')));
  const index = whole.indexOf('"sha256"');
  for (let i = 1; i <= 40; i++) {
    const bytes = Buffer.from(whole);
    const at = Math.floor((bytes.length * i) / 41);
    bytes[at]! ^= 1 << (i % 8);
    const file = `${fresh()}.tar.gz`;
    writeFileSync(file, gzipSync(bytes));
    const to = fresh();
    const isPadding = whole[at] === 0 && at > index;
    const unpacked = () => {
      writeSet(unpack(openCheckpoint(file)), to);
    };
    try {
      unpacked();
      // bits of padding and of what headers say besides names and sizes are of no file
      assert.ok(isPadding, `at ${at}`);
    } catch {
      assert.ok(!existsSync(to));
    }
  }
  const cut = `${fresh()}.tar`;
  writeFileSync(cut, whole.subarray(0, whole.length / 2));
  assert.throws(() => unpack(openCheckpoint(cut)), /missing|not what was packed/);
});

test('a name that does not tell how to pack is refused', () => {
  for (const name of ['x', 'x.zip', 'x.gz']) assert.throws(() => packedAs(name), /its name tells how it is packed/);
});
