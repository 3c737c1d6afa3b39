import { CGROUP_DEFAULTS } from '../../src/image/cgroup-mode.js';
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { QUIET } from '../../src/image/log.js';
import { dump } from '../../src/dump/dump.js';
import { CritError } from '../../src/image/errors.js';
import { Stats } from '../../src/image/stats.js';
import { Ring } from '../../src/task/ring.js';
import * as L from '../../src/task/generated/layout.js';
import { test } from '../root.js';
import { Subject } from '../system/round-trip.js';

/** How many dumps get lies for answers. */
const DUMPS = Number(process.env['CRIT_LIES'] ?? 60);

/** A small generator (xorshift): a failing seed can be run again. */
function random(seed: number): () => number {
  let x = seed * 2654435761 + 1;
  return () => {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    return x >>> 0;
  };
}

/** Values that are likely to be taken for a length, a descriptor, an errno, a pid. */
function lie(next: () => number): number {
  const kinds = [0, 1, 2, 0xffffffff, 0xfffffffe, 0x7fffffff, 0x80000000, 4096, 65536, process.pid, process.ppid];
  return next() % 3 === 0 ? next() : kinds[next() % kinds.length]!;
}

/** Writes into what a puppet answered, before crit reads it. Its stack is left alone: it is at work there. */
function spoil(ring: Ring, next: () => number): void {
  const { u32 } = ring.area;
  const words = (from: number, to: number, often: number) => {
    for (let at = from >>> 2; at < to >>> 2; at++) if (next() % often === 0) u32[at] = lie(next);
  };
  const often = [3, 20, 200][next() % 3]!;
  if (next() % 4 === 0) u32[(ring.answers + L.ANSWER_FAILED) >>> 2] = lie(next);
  words(ring.resultsOffset, ring.resultsOffset + 128 * 8, often);
  words(ring.answerArena, ring.answerArena + 4096, often);
}

test(`whatever a puppet answers, a dump ends with images or with an error of crit's own, ${DUMPS} times`, async () => {
  const dir = mkdtempSync(path.join(tmpdir(), 'crit-lies-'));
  const wait = Object.getOwnPropertyDescriptor(Ring.prototype, 'wait')!.value as (ms: number) => boolean;
  let failed = 0;
  try {
    await using victim = await Subject.ready('counter');
    for (let seed = 1; seed <= DUMPS; seed++) {
      const next = random(seed);
      Ring.prototype.wait = function (this: Ring, timeoutMs: number) {
        const done = wait.call(this, timeoutMs);
        if (done && next() % 2 === 0) spoil(this, next);
        return done;
      };
      try {
        dump(
          {
            pid: victim.pid,
            imagesDir: dir,
            leaveRunning: true,
            leaveStopped: false,
            shellJob: true,
            ghostLimitBytes: 1 << 20,
            linkRemap: false,
            forceIrmap: false,
            irmapScanPaths: [],
            extUnixSk: false,
            evasiveDevices: false,
            externals: new Map(),
            fileLocks: false,
            skipInFlight: false,
            allowUprobes: false,
            cpuinfo: false,
            tcpEstablished: false,
            tcpClose: false,
            networkLock: 'nftables',
            timeoutSec: 10,
            cgroups: { ...CGROUP_DEFAULTS, mode: 'ignore' },
            sync: false,
            fileValidation: 'buildid',
            action: () => undefined,
          },
          QUIET,
          new Stats(),
        );
      } catch (error) {
        failed++;
        assert.ok(error instanceof CritError, `seed ${seed}: ${String((error as Error).stack)}`);
      } finally {
        Ring.prototype.wait = wait;
      }
    }
    assert.ok(failed > DUMPS / 10, `only ${failed} of ${DUMPS} dumps noticed anything`);
    assert.match(readFileSync(`/proc/${victim.pid}/status`, 'utf8'), /State:\s+[RSD]/);
    victim.passed();
  } finally {
    Ring.prototype.wait = wait;
    rmSync(dir, { recursive: true, force: true });
  }
});
