import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { program } from '../programs.js';
import { test } from '../root.js';
import { crit, Subject } from './round-trip.js';

for (const [who, args, restricted] of [
  ['root', [], true],
  ['root without a sandbox', ['0', 'free'], false],
  ['another thread of root', ['0', 'thread'], true],
  ['an ordinary user', ['65534'], true],
  ['an ordinary user without a sandbox', ['65534', 'free'], false],
  ['another thread of an ordinary user', ['65534', 'thread'], true],
] as const)
  test(`landlock: ${who} is ${restricted ? 'refused by name, and runs on' : 'dumped'}`, async (t) => {
    await using subject = new Subject(program('sandbox'), args);
    await subject.says(/ready|none/);
    if (subject.output.includes('none')) {
      subject.passed();
      t.skip('this kernel has no landlock');
      return;
    }
    const { status, stderr } = crit('dump', '-R', '-t', String(subject.pid), '-D', subject.images);
    assert.equal(status, restricted ? 1 : 0, stderr);
    if (restricted) {
      assert.match(stderr, new RegExp(`task \\d+ of process ${subject.pid} is restricted by landlock`));
      assert.ok(!existsSync(path.join(subject.images, 'inventory.img')));
    }
    assert.deepEqual(subject.tree(), [subject.pid]);
    subject.passed();
  });
