import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { closeSync, existsSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { CRIT, program } from '../programs.js';

/** A process to dump and restore: heartbeat's arguments (MiB, mappings, descriptors, children). */
const WORKLOADS: readonly { name: string; args: readonly string[] }[] = [
  { name: '1 MiB', args: ['1'] },
  { name: '1 GiB', args: ['1024'] },
  { name: '2,000 mappings', args: ['1', '2000'] },
  { name: '2,000 descriptors', args: ['1', '0', '2000'] },
  { name: '200 processes', args: ['1', '0', '0', '199'] },
];
const ROUNDS = Number(process.env['CRIT_BENCH_ROUNDS'] ?? 5);

interface Sample {
  /** Longest gap the process saw while `dump -R` ran, ms. */
  pauseMs: number;
  dumpMs: number;
  restoreMs: number;
  /** Largest resident set of the tool, MiB. */
  peakMiB: number;
}

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** The heartbeat program: it writes to a file, as its ends of pipes to us would be outside the dumped tree. */
class Heartbeat {
  readonly child: ChildProcess;
  readonly #out: string;
  private constructor(args: readonly string[], dir: string) {
    this.#out = path.join(dir, 'out');
    const nothing = openSync('/dev/null', 'r');
    const out = openSync(this.#out, 'a');
    this.child = spawn(program('heartbeat'), args, { detached: true, stdio: [nothing, out, out] });
    closeSync(nothing);
    closeSync(out);
  }
  static async start(args: readonly string[], dir: string): Promise<Heartbeat> {
    const heartbeat = new Heartbeat(args, dir);
    await heartbeat.#line(0);
    return heartbeat;
  }
  async #line(after: number): Promise<string> {
    for (let i = 0; i < 3000; i++) {
      const text = readFileSync(this.#out, 'utf8').slice(after);
      if (text.endsWith('\n')) return text.trim();
      await sleep(5);
    }
    throw new Error('the heartbeat does not answer');
  }
  /** The longest gap since the last call, ms. */
  async gapMs(): Promise<number> {
    const after = readFileSync(this.#out, 'utf8').length;
    this.child.kill('SIGUSR1');
    return Number(await this.#line(after)) / 1000;
  }
}

/** Runs a tool; wall time in ms and its peak memory. @throws with its words when it fails */
function timed(tool: string, args: readonly string[], dir: string): { ms: number; peakMiB: number } {
  const out = path.join(dir, 'time');
  const begin = performance.now();
  const done = spawnSync('/usr/bin/env', ['time', '-f', '%M', '-o', out, tool, ...args], {
    encoding: 'utf8',
    env: { PATH: process.env['PATH'] },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const ms = performance.now() - begin;
  if (done.status !== 0) {
    const log = path.join(dir, 'log');
    throw new Error(
      `${tool} ${args[0]!}: ${done.stderr}${existsSync(log) ? readFileSync(log, 'utf8').slice(-2000) : ''}`,
    );
  }
  return { ms, peakMiB: Number(readFileSync(out, 'utf8').trim().split('\n').at(-1)) / 1024 };
}

/** What ran before is still being written to the disk: that must not be counted. */
function sync(): void {
  spawnSync('sync');
}

async function round(tool: string, args: readonly string[]): Promise<Sample> {
  const dir = mkdtempSync(path.join(tmpdir(), 'crit-bench-'));
  const heartbeat = await Heartbeat.start(args, dir);
  const { pid } = heartbeat.child as { pid: number };
  const exit = new Promise((resolve) => heartbeat.child.once('exit', resolve));
  try {
    const common = ['-D', dir, '-o', 'log'];
    sync();
    await heartbeat.gapMs();
    const running = timed(tool, ['dump', '-t', String(pid), '-R', ...common], dir);
    await sleep(50);
    const pauseMs = await heartbeat.gapMs();
    const pids = familyOf(pid);
    timed(tool, ['dump', '-t', String(pid), ...common], dir);
    await exit;
    for (let i = 0; i < 1000 && pids.some((p) => existsSync(`/proc/${p}`)); i++) await sleep(10);
    sync();
    const restored = timed(tool, ['restore', '-d', '--pidfile', path.join(dir, 'pid'), ...common], dir);
    return {
      pauseMs,
      dumpMs: running.ms,
      restoreMs: restored.ms,
      peakMiB: Math.max(running.peakMiB, restored.peakMiB),
    };
  } finally {
    await killTree(pid);
    rmSync(dir, { recursive: true, force: true });
  }
}

/** A process and its children. */
function familyOf(pid: number): number[] {
  try {
    return [pid, ...readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean).map(Number)];
  } catch {
    return [pid];
  }
}

async function killTree(pid: number): Promise<void> {
  const pids = familyOf(pid);
  for (const p of pids)
    try {
      process.kill(p, 'SIGKILL');
    } catch {
      // gone
    }
  for (let i = 0; i < 1000 && pids.some((p) => existsSync(`/proc/${p}`)); i++) await sleep(10);
}

const median = (values: readonly number[]) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]!;

/** Dump and restore of real processes, crit beside the tool named by CRIU: alternating runs, medians. */
export async function benchEngine(print: (line: string) => void): Promise<void> {
  const criu = process.env['CRIU'];
  if (!criu) print('engine: the variable CRIU names no tool to compare with: crit alone');
  const tools = criu ? [CRIT, criu] : [CRIT];
  print('| process | tool | pause (ms) | dump -R (ms) | restore (ms) | peak memory (MiB) |');
  print('|---|---|---|---|---|---|');
  for (const { name, args } of WORKLOADS) {
    const samples = new Map<string, Sample[]>(tools.map((tool) => [tool, []]));
    for (let i = 0; i <= ROUNDS; i++)
      for (const tool of tools) {
        const sample = await round(tool, args);
        if (i > 0) samples.get(tool)!.push(sample); // the first round warms up
      }
    const rows = tools.map((tool) => {
      const of = (key: keyof Sample) => median(samples.get(tool)!.map((sample) => sample[key]));
      return { pauseMs: of('pauseMs'), dumpMs: of('dumpMs'), restoreMs: of('restoreMs'), peakMiB: of('peakMiB') };
    });
    rows.forEach((row, i) => {
      print(
        `| ${name} | ${i === 0 ? 'crit' : 'CRIU'} | ${row.pauseMs.toFixed(1)} | ${row.dumpMs.toFixed(0)} | ${row.restoreMs.toFixed(0)} | ${row.peakMiB.toFixed(0)} |`,
      );
    });
    const [ours, theirs] = rows;
    if (ours && theirs)
      print(
        `| ${name} | ratio | ${(ours.pauseMs / theirs.pauseMs).toFixed(2)} | ${(ours.dumpMs / theirs.dumpMs).toFixed(2)} | ${(ours.restoreMs / theirs.restoreMs).toFixed(2)} | |`,
      );
  }
}
