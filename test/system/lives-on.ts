import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { CRIT } from '../programs.js';
import type { Server } from '../real-servers.js';
import type { TestContext } from '../root.js';
import { longestGaps } from '../server-client.js';
import { ended, Subject } from './round-trip.js';

/** All that is measured: many dumps in a row, several restores. */
export const ALL = process.env['CRIT_SERVERS'] === 'all';
const DUMPS = ALL ? 10 : 2;
const RESTORES = ALL ? 3 : 1;
/** What was not taken in the moments of the stops is refused by name; on a machine that is too busy it may be so again. */
const PASSES = /events that nobody has read/;
const TRIES = 5;

export const start = ({ command, args, env, prepare }: Server): Subject => new Subject(command, args, env, prepare);
export const needs = ({ skip }: Server) => ({ skip });
export const has = (...commands: string[]) => {
  const lost = commands.filter((command) => spawnSync('which', [command]).status !== 0);
  return { skip: lost.length > 0 ? `${lost.join(', ')} not installed` : false };
};

/** Dumps it while it runs, and this process goes on meanwhile. */
async function dumpBeside(subject: Subject, options: readonly string[]): Promise<void> {
  const log = path.join(subject.dir, 'dump.errors');
  const args = ['dump', '-t', String(subject.pid), '-D', subject.images, '-o', 'dump.log', '-R', ...options];
  for (let tries = 0; ; tries++) {
    const errors = openSync(log, 'w');
    const child = spawn(CRIT, args, { env: { PATH: process.env['PATH'] }, stdio: ['ignore', 'ignore', errors] });
    closeSync(errors);
    const [status] = (await once(child, 'exit')) as [number | null];
    if (status === 0) return;
    const said = readFileSync(log, 'utf8');
    if (tries === TRIES || !PASSES.test(said)) throw new Error(`dump -R: ${said} (${subject.dir})`);
  }
}

/**
 * Dumps it while it runs, under load, then ends and restores it.
 * @param ask what a client asks without rest during the dumps; what it throws fails the test
 * @param check asks it for what it must know
 */
export async function livesOn(
  t: TestContext,
  subject: Subject,
  { ask, check }: { readonly ask: () => Promise<unknown>; readonly check: () => Promise<void> },
  ...options: string[]
): Promise<void> {
  await check();
  const dump = () => dumpBeside(subject, options);
  const gaps = await longestGaps(ask, Array<typeof dump>(DUMPS).fill(dump));
  t.diagnostic(`longest gaps in dumps under load: ${gaps.map((ms) => ms.toFixed(0)).join(', ')} ms`);
  await check();
  for (let i = 0; i < RESTORES; i++) {
    await subject.dump(...options);
    subject.restore(...options);
    await check();
  }
  subject.passed();
}

/** Tells it to end, and waits until it has: what it has outside of itself goes with an orderly end alone. */
export async function endsAt(subject: Subject, signal: NodeJS.Signals): Promise<void> {
  process.kill(subject.pid, signal);
  assert.ok(await ended(subject.pid), `it ends at ${signal}`);
}
