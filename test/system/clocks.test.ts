import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { decodeImage, encodeImage } from '../../src/index.js';
import { CRIT, program } from '../programs.js';
import { test } from '../root.js';
import { Subject, verdict } from './round-trip.js';

/** Seconds from the program's start to the moment that it waits for. */
const MOMENT = 6;

const timeNamespace = (pid: number | 'self') => readlinkSync(`/proc/${pid}/ns/time`);
const offsets = (pid: number) => readFileSync(`/proc/${pid}/timens_offsets`, 'utf8');
const uptime = () => Number(readFileSync('/proc/uptime', 'utf8').split('.')[0]);

/** Restores where the clocks that start with a boot are ahead by so many seconds: on another machine, or after a reboot. */
function restoreElsewhere(subject: Subject, seconds: number): void {
  const shift = ['-T', '-f', '--monotonic', String(seconds), '--boottime', String(seconds)];
  const restore = [CRIT, 'restore', '-d', '-D', subject.images, '-o', 'restore.log', '-v4'];
  const { status, stderr } = spawnSync('unshare', [...shift, ...restore], {
    encoding: 'utf8',
    env: { PATH: process.env['PATH'] },
  });
  assert.equal(status, 0, stderr);
}

for (const [what, shift] of [
  ['behind, as after a reboot', () => -Math.floor(uptime() / 2)],
  ['ahead, as on another machine', () => 3000],
] as const)
  test(`the clocks of a process go on where those of the machine are ${what}`, async () => {
    await using subject = new Subject(program('clocks'), [String(MOMENT)]);
    await subject.says('ready');
    await subject.dump();
    restoreElsewhere(subject, shift());
    assert.notEqual(timeNamespace(subject.pid), timeNamespace('self'));
    // such a process is dumped like any other, and keeps its clocks
    const before = offsets(subject.pid);
    await subject.dump();
    subject.restore();
    assert.notEqual(timeNamespace(subject.pid), timeNamespace('self'));
    assert.equal(offsets(subject.pid), before);
    await subject.dump('-R');
    assert.equal(await verdict(subject), 'ok\n');
    subject.passed();
  });

test('a process of this boot needs no time namespace', async () => {
  await using subject = new Subject(program('clocks'), [String(MOMENT)]);
  await subject.says('ready');
  await subject.dump();
  subject.restore();
  assert.equal(timeNamespace(subject.pid), timeNamespace('self'));
  assert.equal(await verdict(subject), 'ok\n');
  subject.passed();
});

test('images without clocks, as old versions of CRIU have written them, restore', async () => {
  await using subject = new Subject(program('clocks'), [String(MOMENT)]);
  await subject.says('ready');
  await subject.dump();
  spawnSync('rm', [path.join(subject.images, 'timens-0.img')]);
  const inventory = path.join(subject.images, 'inventory.img');
  const image = decodeImage(inventory);
  delete (image.entries[0] as unknown as { message: { images?: unknown } }).message.images;
  writeFileSync(inventory, encodeImage(image));
  subject.restore();
  assert.equal(await verdict(subject), 'ok\n');
  subject.passed();
});
