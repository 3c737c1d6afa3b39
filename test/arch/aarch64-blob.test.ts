import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { projectPath } from '../project-path.js';

const PREFIX = 'aarch64-linux-gnu-';
const hasCompiler = spawnSync(`${PREFIX}gcc`, ['--version']).status === 0;

test(
  'the blob and the stub can be built for aarch64',
  {
    skip: !hasCompiler && `there is no ${PREFIX}gcc (Debian: gcc-aarch64-linux-gnu)`,
  },
  () => {
    const out = mkdtempSync(path.join(tmpdir(), 'crit-aarch64-'));
    try {
      const script = projectPath('scripts/build-puppet.mjs');
      assert.match(
        execFileSync(process.execPath, [script, 'aarch64', PREFIX, out], { encoding: 'utf8' }),
        /^blob for aarch64: \d+ of 2048 bytes\n$/,
      );
      const EM_AARCH64 = 183;
      assert.equal(readFileSync(path.join(out, 'stub')).readUInt16LE(18), EM_AARCH64);
      // the second way in stands where TypeScript looks for it: a look at the death word, then svc #0
      const blob = readFileSync(path.join(out, 'puppet.bin'));
      const RING_DEATH_PTR = 40;
      assert.equal(blob.readUInt32LE(16), (0xf9400000 | ((RING_DEATH_PTR / 8) << 10) | (19 << 5) | 9) >>> 0);
      assert.equal(blob.readUInt32LE(28), 0xd4000001);
    } finally {
      rmSync(out, { recursive: true, force: true });
    }
  },
);
