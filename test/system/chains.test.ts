import assert from 'node:assert/strict';
import { mkdirSync, readlinkSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import path from 'node:path';
import { CRIT } from '../programs.js';
import { test } from '../root.js';
import { crit } from './round-trip.js';
import { Workload } from './workload.js';

const RESTORERS = [CRIT, ...(process.env['CRIU'] ? [process.env['CRIU']] : [])];

/** Dumps it three times; each set but the first becomes an increment of the one before. The last is in its images directory. */
async function chain(subject: Workload): Promise<string[]> {
  const sets = ['first', 'second', 'third'].map((name) => path.join(subject.dir, name));
  for (const [i, set] of sets.entries()) {
    await subject.dump(...(i < 2 ? ['-R'] : []));
    if (i === 0) renameSync(subject.images, set);
    else {
      const { status, stderr } = crit('rebase', subject.images, sets[i - 1]!, '-o', set);
      assert.equal(status, 0, stderr);
      rmSync(subject.images, { recursive: true });
    }
    if (i < 2) mkdirSync(subject.images);
  }
  symlinkSync(sets[2]!, subject.images);
  return sets;
}

for (const restorer of RESTORERS)
  for (const name of ['mem-anon', 'memfd', 'mem-cow'])
    test(`pages come from two sets before this one: ${name}, by ${path.basename(restorer)}`, async () => {
      await using subject = await Workload.start(name);
      const [first, second] = await chain(subject);
      assert.equal(readlinkSync(path.join(second!, 'parent')), `../${path.basename(first!)}`);
      subject.restoredBy = restorer;
      subject.restore();
      assert.equal(await subject.verdict(), 'ok');
      subject.passed();
    });

test('pages of a parent that is not there, or does not have them, are refused', async () => {
  await using subject = await Workload.start('mem-anon');
  const [first, , third] = await chain(subject);
  const refused = (why: RegExp) => {
    const { status, stderr } = crit('restore', '-d', '-D', third!);
    assert.equal(status, 1);
    assert.match(stderr, why);
  };
  const pagemap = path.join(first!, `pagemap-${subject.pid}.img`);
  renameSync(pagemap, `${pagemap}.away`);
  refused(/pages are in the parent set, which has none of them: parent\/parent\/pagemap-\d+\.img is missing or empty/);
  renameSync(`${pagemap}.away`, pagemap);
  const link = path.join(third!, 'parent');
  rmSync(link);
  refused(/is an increment of: bring it, and make .*third\/parent a symbolic link to it/);
  symlinkSync('../nowhere', link);
  refused(/bring it to where .*third\/parent leads, \.\.\/nowhere/);
  rmSync(link);
  symlinkSync('../third', link);
  refused(/the chain of parents goes in a circle/);
  subject.passed();
});
