import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, type TestContext } from 'node:test';
import { test } from '../root.js';
import { Subject } from '../system/round-trip.js';
import { line } from './compare.js';
import { differAround } from './life.js';
import { ownPrograms, type Case } from './programs.js';
import { startFolderProgram } from './folder-program.js';
import { programsOf } from './programs.js';

/** A program takes some seconds; all machines are busy at times. */
const TIMEOUT_MS = 300_000;
/** What a program that cannot be dumped says at dump time is what docs/limits.md says. */
const REFUSED = /UNSUPPORTED|not supported|--link-remap|--shell-job/;

const HOW = ['restore', 'leave-running'] as const;

async function differs(t: TestContext, subject: Subject, program: Case, how: (typeof HOW)[number]): Promise<void> {
  let found: Awaited<ReturnType<typeof differAround>>;
  try {
    found = await differAround(subject, how, program);
  } catch (error) {
    const { message, code } = error as Error & { code?: string };
    if (code !== 'UNSUPPORTED' && !(message.startsWith('dump: ') && REFUSED.test(message))) throw error;
    subject.passed();
    t.skip(`refused: ${message.split('\n')[0]!}`);
    return;
  }
  assert.deepEqual(found.differences.map(line), []);
  assert.ok(found.nrFacts > 500, `only ${found.nrFacts} facts`);
  subject.passed();
}

for (const program of ownPrograms())
  for (const how of HOW)
    test(
      `${program.name}: what can be asked is the same after a ${how === 'restore' ? 'dump and a restore' : 'dump that leaves it running'}`,
      { skip: program.skip ?? false, timeout: TIMEOUT_MS },
      async (t) => {
        await using subject = new Subject(program.build(), program.args);
        if (!(await saysReady(subject))) {
          subject.passed();
          t.skip('it wants to be started in a way of its own');
          return;
        }
        await differs(t, subject, program, how);
      },
    );

async function saysReady(subject: Subject): Promise<boolean> {
  for (let i = 0; i < 500; i++) {
    if (subject.output.includes('ready')) return true;
    if (!existsSync(`/proc/${subject.pid}/exe`)) return false;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  return false;
}

/** DIFFER_PROGRAMS names a folder of further programs, which say "ready PID"; DIFFER_ONLY some of them. */
const FOLDER = process.env['DIFFER_PROGRAMS'];
const ONLY = process.env['DIFFER_ONLY']?.split(/[\s,]+/);
if (FOLDER !== undefined) {
  const out = mkdtempSync(path.join(tmpdir(), 'crit-differ-'));
  after(() => rmSync(out, { recursive: true, force: true }));
  for (const program of programsOf(path.resolve(FOLDER), out))
    for (const how of HOW)
      test(
        `${program.name} (${how})`,
        { skip: ONLY?.includes(program.name) === false, timeout: TIMEOUT_MS },
        async (t) => {
          await using subject = startFolderProgram(program);
          await subject.says('ready ');
          await differs(t, subject, program, how);
        },
      );
}
