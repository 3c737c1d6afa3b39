import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
  cpSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { ImageError } from '../../src/image/errors.js';
import { readAt } from '../../src/image/image-store.js';
import { openCheckpoint } from '../../src/inspect/checkpoint.js';
import { taskTree } from '../../src/inspect/tree.js';
import { projectPath } from '../project-path.js';

const dir = mkdtempSync(path.join(tmpdir(), 'crit-archive-'));
after(() => {
  rmSync(dir, { recursive: true, force: true });
});
const SET = projectPath('fixtures/sets/tree');

/** Runs a tool of the system; a test that it is not there for is skipped. */
const run = (command: string, ...args: string[]) => spawnSync(command, args, { cwd: dir });
const hasZstd = run('zstd', '--version').status === 0;

/** A container's checkpoint as podman lays it out, with a file too large to be kept and a name that needs a long header. */
const BIG = Buffer.alloc(9 << 20, 'crit');
const LONG = `rootfs/${'d'.repeat(90)}/${'e'.repeat(90)}`;
mkdirSync(path.join(dir, 'c', LONG), { recursive: true });
cpSync(SET, path.join(dir, 'c/checkpoint'), { recursive: true });
cpSync(SET, path.join(dir, 'c/pre'), { recursive: true });
symlinkSync('../pre', path.join(dir, 'c/checkpoint/parent'));
writeFileSync(path.join(dir, 'c/checkpoint/pages-9.img'), BIG);
writeFileSync(path.join(dir, 'c/config.dump'), '{"name":"web"}');
writeFileSync(path.join(dir, 'c', LONG, 'f'), 'deep');
for (const [name, format] of [
  ['gnu.tar', 'gnu'],
  ['pax.tar', 'pax'],
] as const)
  assert.equal(run('tar', `--format=${format}`, '-C', 'c', '-cf', name, '.').status, 0);
run('sh', '-c', 'gzip -k gnu.tar && cat gnu.tar.gz > x.gz');
if (hasZstd) run('zstd', '-q', '-k', 'pax.tar');

for (const name of ['gnu.tar', 'pax.tar', 'gnu.tar.gz', 'pax.tar.zst'])
  test(`a checkpoint in ${name} is read as the directory is`, { skip: name.endsWith('zst') && !hasZstd }, () => {
    const checkpoint = openCheckpoint(path.join(dir, name));
    assert.equal(checkpoint.damage, undefined);
    assert.deepEqual(taskTree(checkpoint.images), taskTree(openCheckpoint(SET).images));
    assert.deepEqual(
      checkpoint.images.list().map(({ file, sizeBytes }) => [file, sizeBytes]),
      openCheckpoint(path.join(dir, 'c'))
        .images.list()
        .map(({ file, sizeBytes }) => [file, sizeBytes]),
    );
    using config = checkpoint.beside.open('config.dump');
    assert.equal(Buffer.from(readAt(config, 0, 100)).toString(), '{"name":"web"}');
    assert.deepEqual(
      checkpoint.beside.files().map((file) => file.name),
      ['config.dump'],
    );
    using pages = checkpoint.images.open('PAGES', 9);
    for (const at of [BIG.length - 10, 5, 4 << 20, 0])
      assert.deepEqual(Buffer.from(readAt(pages, at, 20)), BIG.subarray(at, at + 20), `at ${at}`);
    const parent = checkpoint.parent();
    assert.deepEqual(taskTree(parent!.images), taskTree(checkpoint.images));
    assert.equal(parent!.parent(), undefined);
  });

test('what is cut off in an archive is told, and the rest is read', () => {
  for (const name of ['gnu.tar', 'gnu.tar.gz']) {
    const cut = path.join(dir, `cut-${name}`);
    cpSync(path.join(dir, name), cut);
    truncateSync(cut, Math.floor(readFileSync(cut).length * 0.9));
    const { damage, images } = openCheckpoint(cut);
    assert.match(damage ?? '', /from byte|at byte/);
    assert.ok(images.list().length > 0);
  }
});

test('what is no archive is refused with a reason', () => {
  const file = path.join(dir, 'none.tar');
  for (const bytes of ['', 'x', 'no tar at all'.repeat(100), '\x1f\x8b\x08 no gzip', '\x28\xb5\x2f\xfd no zstd'])
    assert.throws(
      () => {
        writeFileSync(file, bytes, 'latin1');
        openCheckpoint(file);
      },
      (error) => error instanceof ImageError && error.code === 'BAD_ARCHIVE',
      JSON.stringify(bytes),
    );
});

test('a member that would lead out of the archive is no member', () => {
  mkdirSync(path.join(dir, 'out'));
  symlinkSync('../../etc', path.join(dir, 'out/parent'));
  writeFileSync(path.join(dir, 'out/pstree.img'), readFileSync(path.join(SET, 'pstree.img')));
  assert.equal(run('tar', '-C', 'out', '-cf', 'out.tar', '.').status, 0);
  assert.throws(() => openCheckpoint(path.join(dir, 'out.tar')).parent(), /is not there/);
});
