import assert from 'node:assert/strict';
import { test, type TestContext } from '../root.js';
import { comes, isAlive, type Subject } from '../system/round-trip.js';
import { line, type Difference } from './compare.js';
import { differAround, type How } from './life.js';
import { cases, type Case } from './programs.js';

/** A program takes some seconds; all machines are busy at times. */
const TIMEOUT_MS = 300_000;
/** What a program that cannot be dumped says at dump time is what docs/limits.md says. */
const REFUSED = /UNSUPPORTED|not supported|--link-remap|--shell-job/;

/** DIFFER_ONLY names some of the programs; with DIFFER_ALL all are compared around both kinds of dump. */
const ONLY = process.env['DIFFER_ONLY']?.split(/[\s,]+/);

/** What a fact is about, whatever the numbers of processes, addresses and descriptors are this time. */
const kindOf = ({ where }: Difference) => where.replace(/\b(?:0x)?[0-9a-f]*\d[0-9a-f]*\b/g, '#');

/** Compares once. @returns undefined when the program cannot be dumped */
async function look(t: TestContext, program: Case, how: How): Promise<Difference[] | undefined> {
  await using subject = await program.start();
  if (!(await saysReady(subject))) {
    subject.passed();
    t.skip('it wants to be started in a way of its own');
    return undefined;
  }
  let found: Awaited<ReturnType<typeof differAround>>;
  try {
    found = await differAround(subject, how, program);
  } catch (error) {
    const { message, code } = error as Error & { code?: string };
    if (code !== 'UNSUPPORTED' && !(message.startsWith('dump: ') && REFUSED.test(message))) throw error;
    subject.passed();
    t.skip(`refused: ${message.split('\n')[0]!}`);
    return undefined;
  }
  assert.ok(found.nrFacts > 500, `only ${found.nrFacts} facts`);
  if (program.verdict) assert.equal(await program.verdict(subject), 'ok');
  subject.passed();
  return [...found.differences];
}

/** A program may move between two looks, and a timer go off: what a dump changes, every dump changes. */
async function differs(t: TestContext, program: Case, how: How): Promise<void> {
  const first = await look(t, program, how);
  if (!first || first.length === 0) return;
  for (const difference of first) t.diagnostic(`met once: ${line(difference)}`);
  const again = new Set((await look(t, program, how))?.map(kindOf));
  assert.deepEqual(first.filter((difference) => again.has(kindOf(difference))).map(line), []);
}

for (const program of cases(process.env['DIFFER_ALL'] !== undefined))
  for (const how of program.how)
    test(
      `${program.name}: what can be asked is the same after a ${how === 'restore' ? 'dump and a restore' : 'dump that leaves it running'}`,
      { skip: program.skip ?? !(ONLY?.includes(program.name) ?? true), timeout: TIMEOUT_MS },
      (t) => differs(t, program, how),
    );

async function saysReady(subject: Subject): Promise<boolean> {
  const isReady = () => subject.output.includes('ready');
  await comes(() => isReady() || !isAlive(subject.pid));
  return isReady();
}
