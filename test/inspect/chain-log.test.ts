import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { test } from 'node:test';
import { rebase } from '../../src/edit/rebase.js';
import { writeSet } from '../../src/edit/write-set.js';
import { flatten } from '../../src/edit/flatten.js';
import { ImageDir } from '../../src/encode/image-dir.js';
import { chainLog } from '../../src/inspect/chain-log.js';
import { openCheckpoint } from '../../src/inspect/checkpoint.js';
import { openAddressSpace } from '../../src/inspect/address-space/address-space.js';
import { crit } from '../cli/run-crit.js';
import { changed, fresh, withPages } from '../edit/sets.js';

const PID = 812;
const first = withPages('tree');

/** An increment of `on` that has other bytes in so many of its pages, dumped so many seconds later. */
function next(on: string, pages: number, afterSec: number): string {
  using space = openAddressSpace(openCheckpoint(on), PID, { root: null });
  const at = [...space.runs()]
    .filter(({ mapping, source }) => mapping?.kind === 'anon' && source.kind === 'image')
    .flatMap(({ start, end }) =>
      Array.from({ length: Number(end - start) / 4096 }, (_, i) => start + BigInt(i * 4096)),
    );
  assert.ok(at.length >= pages);
  // on a whole set: what is in a parent cannot be compared with it before it is changed
  const whole = fresh();
  using merged = flatten(openCheckpoint(on));
  writeSet(merged.set, whole);
  const memory = at.slice(0, pages).map((address) => `${PID}:0x${address.toString(16)}=text:changed by ${afterSec}`);
  const { to, images } = changed(whole, { typed: { memory } });
  const [entry] = images.read('TIMENS', 0).entries;
  const { tv_sec, tv_nsec } = new ImageDir(on).first('TIMENS', 0)!.realtime!;
  rmSync(images.file('TIMENS', 0));
  images.write('TIMENS', 0, [
    { message: { ...entry!.message, realtime: { tv_sec: tv_sec + BigInt(afterSec), tv_nsec } } },
  ]);
  const increment = fresh();
  using made = rebase(openCheckpoint(to), openCheckpoint(on));
  writeSet(made.set, increment);
  return increment;
}

function clocked(set: string): string {
  const images = new ImageDir(set);
  const [entry] = images.read('TIMENS', 0).entries;
  images.write('TIMENS', 0, [{ message: { ...entry!.message, realtime: { tv_sec: 1_700_000_000n, tv_nsec: 0n } } }]);
  return set;
}

const base = clocked(first);
const second = next(base, 3, 2);
const third = next(second, 2, 4);

test('each set of a chain tells what it wrote, by process, and how fast memory changed', () => {
  const { steps, chainBytes, flatBytes, problems } = chainLog(openCheckpoint(third));
  assert.deepEqual(problems, []);
  assert.deepEqual(
    steps
      .slice(1)
      .map(({ writtenBytes, sinceSec, dirtyBytesPerSec }) => [writtenBytes / 4096, sinceSec, dirtyBytesPerSec]),
    [
      [3, 2, (3 * 4096) / 2],
      [2, 4, (2 * 4096) / 4],
    ],
  );
  const [one] = steps;
  assert.deepEqual([one!.inParentBytes, one!.sinceSec, one!.dirtyBytesPerSec], [0, undefined, undefined]);
  assert.equal(one!.dumpedAt, '2023-11-14T22:13:20.000Z');
  assert.equal(steps[2]!.writtenBytes + steps[2]!.inParentBytes, one!.writtenBytes);
  assert.equal(chainBytes, one!.writtenBytes + 5 * 4096);
  assert.equal(flatBytes, one!.writtenBytes);
  const process = steps[2]!.processes.find(({ pid }) => pid === PID);
  assert.deepEqual([process?.comm, process?.writtenBytes], [new ImageDir(base).first('CORE', PID)!.tc!.comm, 2 * 4096]);
  assert.equal(
    steps[2]!.processes.reduce((sum, { writtenBytes }) => sum + writtenBytes, steps[2]!.shared.writtenBytes),
    2 * 4096,
  );
});

test('crit log prints a row for each set, and what flatten would make of them', () => {
  const { status, stdout } = crit(['log', third]);
  assert.equal(status, 0);
  const text = stdout.toString();
  assert.match(text, /^ {2}2 {2}2023-11-14T22:13:22Z +2 s +12 KiB .* 6 KiB\/s /m);
  assert.match(text, /^ {2}3 +812 +8 KiB +2 .* /m);
  assert.match(text, /\ncrit flatten makes one set of .* of pages of these 3, which have .*\n$/);
  const json = JSON.parse(crit(['log', third, '--json']).stdout.toString()) as { steps: { sinceSec?: number }[] };
  assert.deepEqual(
    json.steps.map(({ sinceSec }) => sinceSec),
    [undefined, 2, 4],
  );
});

test('a chain whose begin is lost is shown from there on, with a warning', () => {
  const lost = next(second, 1, 1);
  rmSync(base, { recursive: true });
  const { status, stdout, stderr } = crit(['log', lost]);
  assert.equal(status, 0);
  assert.match(stdout.toString(), /^ {2}2 /m);
  assert.match(stderr, /warning: .*parent: the set is an increment of the one in .*, which is not there/);
});
