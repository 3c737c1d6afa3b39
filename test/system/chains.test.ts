import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, readlinkSync, renameSync, rmSync, statSync, symlinkSync } from 'node:fs';
import path from 'node:path';
import { CRIT } from '../programs.js';
import { test } from '../root.js';
import { crit, Subject } from './round-trip.js';
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

/** 24 MiB of memory: SIGUSR1 writes to one more page of it, SIGUSR2 tells what all of it is. */
const WRITER = `
import hashlib, mmap, random, signal
memory = mmap.mmap(-1, 24 << 20, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
memory[:] = random.Random(1).randbytes(len(memory))
shared = mmap.mmap(-1, 2 << 20)
shared[:] = random.Random(2).randbytes(len(shared))
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1, signal.SIGUSR2})
page = 0
print('ready', flush=True)
while True:
    if signal.sigwait({signal.SIGUSR1, signal.SIGUSR2}) == signal.SIGUSR1:
        page += 1
        memory[page * 4096 * 20] ^= 255
        shared[page * 4096 * 3] ^= 255
        print('wrote', page, flush=True)
    else:
        print('is', hashlib.sha256(memory).hexdigest(), hashlib.sha256(shared).hexdigest(), flush=True)
`;

async function asked(subject: Subject, signal: 'SIGUSR1' | 'SIGUSR2'): Promise<string> {
  const before = subject.output.length;
  process.kill(subject.pid, signal);
  await subject.says('\n', before);
  return subject.output.slice(before);
}

const pagesIn = (set: string): number =>
  readdirSync(set)
    .filter((name) => name.startsWith('pages-'))
    .reduce((sum, name) => sum + statSync(path.join(set, name)).size / 4096, 0);

for (const restorer of RESTORERS)
  test(`--prev-images-dir leaves out what is the same: restored by ${path.basename(restorer)}`, async () => {
    await using subject = new Subject('python3', ['-c', WRITER]);
    await subject.says('ready');
    const sets = ['first', 'second', 'third'].map((name) => path.join(subject.dir, name));
    for (const [i, set] of sets.entries()) {
      await asked(subject, 'SIGUSR1');
      mkdirSync(set);
      subject.images = set;
      const previous = i > 0 ? ['--prev-images-dir', `../${path.basename(sets[i - 1]!)}`] : [];
      if (i < 2) {
        await subject.dump('-R', ...previous);
        continue;
      }
      const before = await asked(subject, 'SIGUSR2');
      await subject.dump(...previous);
      assert.equal(readlinkSync(path.join(set, 'parent')), '../second');
      const [all, ...increments] = sets.map(pagesIn);
      assert.ok(all! > 6656, `${all} pages`);
      for (const some of increments) assert.ok(some > 2 && some < 150, `${some} pages`);
      const { status, stdout } = crit('verify', set);
      assert.equal(status, 0, stdout);
      subject.restoredBy = restorer;
      subject.restore();
      assert.equal(await asked(subject, 'SIGUSR2'), before);
    }
    subject.passed();
  });

test('a set takes the place of an increment, and has no parent then', async () => {
  await using subject = await Workload.start('mem-anon');
  await subject.dump('-R');
  const first = path.join(subject.dir, 'first');
  renameSync(subject.images, first);
  mkdirSync(subject.images);
  await subject.dump('-R', '--prev-images-dir', '../first');
  assert.ok(existsSync(path.join(subject.images, 'parent')));
  await subject.dump();
  assert.ok(!existsSync(path.join(subject.images, 'parent')));
  renameSync(first, `${first}.away`);
  subject.restore();
  assert.equal(await subject.verdict(), 'ok');
  subject.passed();
});

test('a dump that adds to nothing is refused', async () => {
  await using subject = await Workload.start('mem-anon');
  const refused = (previous: string, why: RegExp) => {
    const { status, stderr } = subject.tryDump('--prev-images-dir', previous);
    assert.equal(status, 1);
    assert.match(stderr, why);
    assert.deepEqual(readdirSync(subject.images), ['dump.log']);
  };
  refused('../nowhere', /nowhere/);
  refused('.', /adds to itself/);
  mkdirSync(path.join(subject.dir, 'empty'));
  refused('../empty', /has no images of pages/);
  assert.equal(await subject.verdict(), 'ok');
  subject.passed();
});

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
