import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { program } from '../programs.js';
import { test } from '../root.js';
import { crit, Subject } from './round-trip.js';

/** Where test/programs/secrets.c has put the word. */
const PLACES = [
  ...['stack', 'heap', 'anonymous', 'shared', 'memfdname', 'memfd', 'cow', 'pipe', 'queue', 'cwd', 'ghostname'],
  ...['ghost', 'file', 'fifo', 'comm', 'thread', 'environment', 'argument'],
];

const all = (directory: string): [string, Buffer][] =>
  readdirSync(directory).map((name) => [name, readFileSync(path.join(directory, name))]);

test('a word that a process holds wherever it can is in no file of a scrubbed set', async () => {
  // a name of a thread has 15 bytes
  const word = `s${randomBytes(3).toString('hex')}`;
  await using it = new Subject(program('secrets'), [word, `${word}-argument`], { SECRET: `${word}-environment` });
  await it.says('ready');
  await it.dump();
  const was = Buffer.concat(all(it.images).map(([, bytes]) => bytes));
  for (const place of PLACES) assert.ok(was.includes(`${word}-${place}`), `${place}: the dump does not have it`);

  const out = path.join(it.dir, 'clean');
  const { status, stdout, stderr } = crit('scrub', it.images, '-o', out);
  assert.equal(status, 0, stderr);
  assert.match(stdout, /\d+ {2}bytes of memory\n/);
  for (const [name, bytes] of all(out)) assert.ok(!bytes.includes(word), `${name} has it still`);

  const before = crit('verify', it.images);
  const after = crit('verify', out);
  assert.equal(after.status, 0, after.stdout);
  assert.equal(after.stdout.split('\n')[0], before.stdout.split('\n')[0]);
  for (const view of [
    ['x', out, 'ps'],
    ['x', out, 'fds'],
    ['inspect', out],
  ]) {
    const shown = crit(...view);
    assert.equal(shown.status, 0, shown.stderr);
    assert.ok(!shown.stdout.includes(word));
  }

  // memory kept, and the word taken out of it
  const kept = path.join(it.dir, 'kept');
  assert.equal(crit('scrub', it.images, '-o', kept, '--keep', 'all', '--secret', `/${word}[-a-z]*/`).status, 0);
  for (const [name, bytes] of all(kept)) assert.ok(!bytes.includes(word), `${name} has it still`);
  assert.equal(
    readFileSync(path.join(kept, 'pages-1.img')).length,
    readFileSync(path.join(it.images, 'pages-1.img')).length,
  );
  it.passed();
});
