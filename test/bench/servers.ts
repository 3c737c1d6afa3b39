import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, openSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { moveToOwnNetwork } from '../own-network.js';
import { CRIT } from '../programs.js';
import { Client, firstAnswer, LOOK_MS, longestGaps, serverCases, type Case } from '../server-client.js';
import { sleep, Subject } from '../system/round-trip.js';

const ROUNDS = Number(process.env['CRIT_BENCH_ROUNDS'] ?? 5);
const REDIS_MIB = Number(process.env['CRIT_BENCH_REDIS_MIB'] ?? 1024);

/** Runs a program while clients go on. @returns its time in ms. @throws with its words, or those of its log */
async function run(subject: Subject, program: string, ...args: readonly string[]): Promise<number> {
  const file = path.join(subject.dir, 'words');
  const words = openSync(file, 'w');
  const begin = performance.now();
  const child = spawn(program, args, { env: { PATH: process.env['PATH'] }, stdio: ['ignore', 'ignore', words] });
  closeSync(words);
  const [status] = (await once(child, 'exit')) as [number | null];
  const ms = performance.now() - begin;
  if (status === 0) return ms;
  const log = path.join(subject.images, 'log');
  const errors = existsSync(log) ? (readFileSync(log, 'utf8').match(/\bError\b.*(?<!FAILED\.)$/gm) ?? []) : [];
  throw new Error(
    `${args[0] ?? program}: ${errors.find((line) => !line.includes('rlimit:')) ?? readFileSync(file, 'utf8')}`,
  );
}

interface Sample {
  /** Longest gap between two answers while `dump -R` runs. */
  readonly gapMs: number;
  /** From the start of the restore to the first answer to a new connection. */
  readonly answerMs: number;
  readonly restoreMs: number;
}

async function round(tool: string, one: Case): Promise<Sample> {
  const { command, args, env, prepare } = one.server;
  await using subject = new Subject(command, args, env, prepare);
  const [common, target] = [
    ['-D', subject.images, '-o', 'log'],
    ['-t', String(subject.pid)],
  ];
  try {
    await firstAnswer(one);
    const client = await Client.open(one);
    for (const request of one.fill?.() ?? []) await client.ask(request, 'OK\r\n');
    await run(subject, 'sync');
    const connected = ['-R', '--tcp-established', '--network-lock', 'nftables'];
    const dump = () => run(subject, tool, 'dump', ...target, ...common, ...connected);
    const [gapMs = 0] = await longestGaps(() => client.ask(one.request, one.end), [dump]);
    client.close();
    await sleep(LOOK_MS);
    const pids = subject.tree();
    await run(subject, tool, 'dump', ...target, ...common);
    for (let i = 0; i < 1000 && pids.some((pid) => existsSync(`/proc/${pid}`)); i++) await sleep(10);
    await run(subject, 'sync');
    const begin = performance.now();
    const [restoreMs, answerMs] = await Promise.all([
      run(subject, tool, 'restore', '-d', ...common),
      firstAnswer(one).then(() => performance.now() - begin),
    ]);
    return { gapMs, answerMs, restoreMs };
  } finally {
    await endInOrder(subject);
    subject.passed();
  }
}

/** Shared memory of PostgreSQL goes with an orderly end only. */
async function endInOrder({ pid }: Subject): Promise<void> {
  try {
    process.kill(pid, 'SIGINT');
  } catch {
    // it has ended
  }
  for (let i = 0; i < 500 && existsSync(`/proc/${pid}/exe`); i++) await sleep(10);
}

const median = (values: readonly number[]) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]!;

/** Rounds of all tools in turn. @returns a cell for each tool and column, or why a tool cannot */
async function measure(tools: readonly string[], one: Case): Promise<(Sample | string)[]> {
  const samples: Sample[][] = tools.map(() => []);
  const failures: (string | undefined)[] = tools.map(() => undefined);
  for (let i = 0; i <= ROUNDS; i++)
    for (const [at, tool] of tools.entries()) {
      if (failures[at] !== undefined) continue;
      try {
        const sample = await round(tool, one);
        if (i > 0) samples[at]!.push(sample); // the first round warms up
      } catch (error) {
        failures[at] = (error as Error).message.trim().replace(/\s+/g, ' ');
      }
    }
  return samples.map((taken, at) => {
    const failure = failures[at];
    if (failure !== undefined) return failure;
    const of = (key: keyof Sample) => median(taken.map((sample) => sample[key]));
    return { gapMs: of('gapMs'), answerMs: of('answerMs'), restoreMs: of('restoreMs') };
  });
}

/**
 * Servers as their clients see them, in a network namespace of their own; crit beside the tool named by CRIU. The client
 * of `dump -R` keeps its connection (--tcp-established), the first answer after a restore is that to a new one.
 */
export async function benchServers(print: (line: string) => void): Promise<void> {
  const criu = process.env['CRIU'];
  if (!criu) print('servers: the variable CRIU names no tool to compare with: crit alone');
  moveToOwnNetwork();
  const tools = criu ? [CRIT, criu] : [CRIT];
  print('| server | tool | longest gap in dump -R (ms) | restore until the first answer (ms) | restore (ms) |');
  print('|---|---|---|---|---|');
  for (const one of serverCases(REDIS_MIB)) {
    if (one.server.skip !== false) {
      print(`| ${one.name} | ${one.server.skip} | | | |`);
      continue;
    }
    const rows = await measure(tools, one);
    rows.forEach((row, i) => {
      const cells =
        typeof row === 'string' ? [row, '', ''] : [row.gapMs, row.answerMs, row.restoreMs].map((ms) => ms.toFixed(0));
      print(`| ${[one.name, i === 0 ? 'crit' : 'CRIU', ...cells].join(' | ')} |`);
    });
    const [ours, theirs] = rows;
    if (typeof ours !== 'object' || typeof theirs !== 'object') continue;
    const ratios = [ours.gapMs / theirs.gapMs, ours.answerMs / theirs.answerMs, ours.restoreMs / theirs.restoreMs];
    print(`| ${[one.name, 'ratio', ...ratios.map((ratio) => ratio.toFixed(2))].join(' | ')} |`);
  }
}
