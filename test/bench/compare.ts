import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { projectPath } from '../project-path.js';

export const ROUNDS = Number(process.env['CRIT_BENCH_ROUNDS'] ?? 3);

/** A command that is measured, and the first words of its command line. */
export interface Tool {
  readonly name: string;
  readonly command: readonly string[];
}
export const CRIT: Tool = { name: 'crit', command: [projectPath('bin/crit')] };

interface Run {
  readonly ms: number;
  readonly cpuMs: number;
  readonly peakMiB: number;
}

/** USER_HZ, in which /proc counts processor time, everywhere that Node runs. */
const TICK_MS = 10;

/** Time on the clock and of processors, and peak memory, of a whole process; the last two as far as /proc was seen. */
async function run(tool: Tool, args: readonly string[], statuses: readonly number[]): Promise<Run> {
  const [command = '', ...before] = tool.command;
  const started = performance.now();
  const child = spawn(command, [...before, ...args], { stdio: ['ignore', 'ignore', 'inherit'] });
  let peakKiB = 0;
  let cpuMs = 0;
  const sample = (): void => {
    try {
      const status = readFileSync(`/proc/${child.pid}/status`, 'latin1');
      peakKiB = Math.max(peakKiB, Number(/VmHWM:\s+(\d+)/.exec(status)?.[1] ?? 0));
      const stat = readFileSync(`/proc/${child.pid}/stat`, 'latin1')
        .replace(/^.*\) /, '')
        .split(' ');
      cpuMs = (Number(stat[11]) + Number(stat[12])) * TICK_MS;
    } catch {
      // It has ended.
    }
  };
  const timer = setInterval(sample, TICK_MS);
  const status = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', resolve);
  });
  clearInterval(timer);
  const ms = performance.now() - started;
  if (status === null || !statuses.includes(status))
    throw new Error(`${tool.name} ${args.join(' ')} ended with ${status}`);
  return { ms, cpuMs, peakMiB: peakKiB / 1024 };
}

const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? NaN;

export interface Comparison {
  readonly what: string;
  /** What each tool is asked to do: crit's first, the others are compared with it. */
  readonly tools: readonly (readonly [tool: Tool, args: readonly string[]])[];
  readonly rounds?: number;
  /** What goes through, for a rate. */
  readonly sizeBytes?: number;
  /** Exit statuses that are no failure. */
  readonly statuses?: readonly number[];
}

export const TABLE_HEAD = [
  '| what | tool | ms | CPU ms | GB/s | peak MiB | times faster |',
  '| --- | --- | --- | --- | --- | --- | --- |',
] as const;

/** Prints a row for each tool: whole processes in turn; medians, and the highest peak of memory. */
export async function compare(
  print: (line: string) => void,
  { what, tools, rounds = ROUNDS, sizeBytes, statuses = [0] }: Comparison,
): Promise<void> {
  const samples: Run[][] = tools.map(() => []);
  for (let round = 0; round < rounds; round++)
    for (const [i, [tool, args]] of tools.entries()) samples[i]!.push(await run(tool, args, statuses));
  const ms = samples.map((runs) => median(runs.map((one) => one.ms)));
  for (const [i, [{ name }]] of tools.entries()) {
    const runs = samples[i]!;
    const cells = [
      what,
      name,
      ms[i]!.toFixed(0),
      median(runs.map(({ cpuMs }) => cpuMs)).toFixed(0),
      sizeBytes === undefined ? '' : (sizeBytes / ms[i]! / 1e6).toFixed(2),
      Math.max(...runs.map(({ peakMiB }) => peakMiB)).toFixed(0),
      i === 0 ? '' : (ms[i]! / ms[0]!).toFixed(1),
    ];
    print(`| ${cells.join(' | ')} |`);
  }
}
