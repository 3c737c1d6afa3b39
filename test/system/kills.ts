import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { CRIT } from '../programs.js';
import { isAlive, type Subject } from './round-trip.js';

export const isTraced = (pid: number) => !/TracerPid:\s+0\n/.test(readFileSync(`/proc/${pid}/status`, 'utf8'));

/** How much of the stop is looked for kills in, as a machine with much else to do has longer and shorter ones. */
const BEYOND = 1.5;
/** So many times as many are tried, when the machine does other things while a process stands. */
const MOST_TRIES = 4;

/**
 * Kills dumps that leave a process running at instants that are spread over its stop.
 * @param kills how many, and how many of them must meet the stop
 * @param check what holds after each
 */
export async function killInTheStop(
  subject: Subject,
  kills: { readonly tries: number; readonly hits: number },
  check: (atMs: number) => Promise<void>,
): Promise<void> {
  let stopMs = Infinity;
  for (let i = 0; i < 3; i++) {
    await subject.dump('-R');
    const log = readFileSync(path.join(subject.images, 'dump.log'), 'utf8');
    stopMs = Math.min(stopMs, Number(/frozen_time: (\d+) us/.exec(log)![1]) / 1000);
  }
  const shortestMs = stopMs / 4;
  const args = ['dump', '-t', String(subject.pid), '-D', subject.images, '-R', '-o', 'dump.log', '-v3'];
  let hits = 0;
  for (let i = 0; i < kills.tries || (hits < kills.hits && i < MOST_TRIES * kills.tries); i++) {
    const atMs = (BEYOND * stopMs * (i % kills.tries)) / kills.tries;
    const child = spawn(CRIT, args, { stdio: 'ignore', env: { PATH: process.env['PATH'] } });
    const exit = new Promise((resolve) => child.once('exit', resolve));
    // not to be late by a turn of the event loop
    while (!isTraced(subject.pid) && isAlive(child.pid!));
    const instant = performance.now() + atMs;
    while (performance.now() < instant);
    if (isTraced(subject.pid)) hits++;
    else stopMs = Math.max(shortestMs, (stopMs + atMs) / 2);
    child.kill('SIGKILL');
    await exit;
    await check(atMs);
  }
  assert.ok(hits >= kills.hits, `only ${hits} of ${kills.tries} dumps were killed in the stop`);
}
