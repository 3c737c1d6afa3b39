import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe } from 'node:test';
import { parseCpuCap } from '../../../src/cli/criu/values.js';
import { crit, Subject } from '../../system/round-trip.js';
import { test } from '../../root.js';

const CRIU = process.env['CRIU'];

function inDirectory(work: (dir: string) => void): void {
  const dir = mkdtempSync(path.join(tmpdir(), 'crit-test-'));
  try {
    work(dir);
  } finally {
    rmSync(dir, { recursive: true });
  }
}

/** The image as JSON, changed and written back. */
function change(image: string, edit: (entry: { capability: number[]; xsave_size: number }) => void): void {
  const json = JSON.parse(crit('decode', '-i', image).stdout) as {
    entries: [{ x86_entry: [{ capability: number[]; xsave_size: number }] }];
  };
  edit(json.entries[0].x86_entry[0]);
  const file = `${image}.json`;
  writeFileSync(file, JSON.stringify(json));
  assert.equal(crit('encode', '-i', file, '-o', image).status, 0);
}

describe('crit cpuinfo', () => {
  test('a processor can go on with what was dumped on itself, not with what it has not', () => {
    inDirectory((dir) => {
      const image = path.join(dir, 'cpuinfo.img');
      assert.equal(crit('cpuinfo', 'dump', '-D', dir).status, 0);
      assert.equal(crit('cpuinfo', 'check', '-D', dir, '--cpu-cap=all').status, 0);
      change(image, (entry) => {
        // an instruction of which the number of features is not told: the highest of leaf 7
        entry.capability[18] = (entry.capability[18] ?? 0) | (1 << 2);
      });
      const { status, stdout, stderr } = crit('cpuinfo', 'check', '-D', dir, '--json');
      assert.equal(status, 1);
      // one object, whatever it says
      assert.deepEqual([stdout.trim().split('\n').length, (JSON.parse(stdout) as { code: string }).code], [1, 'CPU']);
      assert.match(stderr, /this processor cannot go on with what was dumped on .*it has not: avx512_4vnniw/);
      assert.equal(crit('cpuinfo', 'check', '-D', dir, '--cpu-cap=none').status, 0);
      assert.equal(crit('cpuinfo', 'check', '-D', dir, '--cpu-cap=^ins').status, 0);
    });
  });

  test('mistakes are told', () => {
    inDirectory((dir) => {
      assert.match(crit('cpuinfo').stderr, /cpuinfo is followed by dump or check, not nothing/);
      assert.match(crit('cpuinfo', 'chekc').stderr, /not "chekc"/);
      assert.match(crit('cpuinfo', 'check', '-D', dir).stderr, /cpuinfo\.img/);
      assert.match(crit('cpuinfo', 'check', '-D', dir, '--cpu-cap=gpu').stderr, /"gpu" is not cpu, fpu, ins/);
    });
  });

  test('--cpu-cap takes back what has a ^', () => {
    const after = (text: string | undefined) => [...parseCpuCap(text, new Set(['fpu', 'ins']), '--cpu-cap')];
    assert.deepEqual(after(undefined), ['fpu', 'ins', 'cpu']);
    assert.deepEqual(after('^fpu'), ['ins']);
    assert.deepEqual(after('none,cpu'), ['cpu']);
    assert.deepEqual(after('^none,^cpu'), ['fpu', 'ins']);
    assert.deepEqual(after('^^cpu'), ['fpu', 'ins', 'cpu']);
  });

  test('a dump with --cpu-cap keeps the processor, and the restore looks', async () => {
    await using subject = new Subject('/bin/sleep', ['1000']);
    await new Promise((resolve) => setTimeout(resolve, 200));
    await subject.dump('--cpu-cap');
    const image = path.join(subject.images, 'cpuinfo.img');
    const sound = readFileSync(image);
    change(image, (entry) => (entry.xsave_size += 64));
    const { status, stderr } = crit('restore', '-d', '-D', subject.images, '--cpu-cap=fpu');
    assert.equal(status, 1);
    assert.match(stderr, /the XSAVE area has \d+ bytes, where the images were made it had \d+/);
    writeFileSync(image, sound);
    subject.restore('--cpu-cap=all');
    subject.passed();
  });

  test('the other tool has the same image', { skip: CRIU ? false : 'the variable CRIU names no other tool' }, () => {
    inDirectory((dir) => {
      assert.equal(spawnSync(CRIU!, ['cpuinfo', 'dump', '-D', dir], { timeout: 60_000 }).status, 0);
      const theirs = readFileSync(path.join(dir, 'cpuinfo.img'));
      assert.equal(crit('cpuinfo', 'check', '-D', dir, '--cpu-cap=all').status, 0);
      assert.equal(crit('cpuinfo', 'dump', '-D', dir).status, 0);
      assert.deepEqual(readFileSync(path.join(dir, 'cpuinfo.img')), theirs);
      assert.equal(spawnSync(CRIU!, ['cpuinfo', 'check', '--cpu-cap=all', '-D', dir], { timeout: 60_000 }).status, 0);
    });
  });
});
