import { spawn, spawnSync } from 'node:child_process';
import { closeSync, existsSync, mkdtempSync, openSync, readFileSync, rmSync, statSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { ImageWriter } from '../../src/encode/image-writer.js';
import { fixture, projectPath } from '../project-path.js';

const ROUNDS = Number(process.env['CRIT_BENCH_ROUNDS'] ?? 3);
const ENTRIES = 1_000_000;

interface Tool {
  name: string;
  command: readonly string[];
}
interface Run {
  ms: number;
  peakMiB: number;
}

const CRIT: Tool = { name: 'crit', command: [projectPath('bin/crit')] };

/** The Python crit: the command in PYCRIT, or Debian's /usr/bin/crit. */
function pythonCrit(print: (line: string) => void): Tool | undefined {
  const given = process.env['PYCRIT'];
  if (given) return { name: 'Python crit (PYCRIT)', command: ['sh', '-c', `exec ${given} "$@"`, 'crit'] };
  const debian = '/usr/bin/crit';
  if (existsSync(debian) && /^#!.*python/.test(readFileSync(debian, 'latin1').slice(0, 100))) {
    return { name: `Python crit (${debian})`, command: [debian] };
  }
  print('codec: no Python crit to compare with: neither PYCRIT nor a Python script /usr/bin/crit');
  return undefined;
}

/** Time and peak memory of a whole process. */
async function run(tool: Tool, args: readonly string[]): Promise<Run> {
  const [command = '', ...before] = tool.command;
  const started = performance.now();
  const child = spawn(command, [...before, ...args], { stdio: ['ignore', 'ignore', 'inherit'] });
  let peakKiB = 0;
  // The kernel's own high-water mark, looked at often enough to see the last of it.
  const sample = (): void => {
    try {
      peakKiB = Math.max(
        peakKiB,
        Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${child.pid}/status`, 'latin1'))?.[1] ?? 0),
      );
    } catch {
      // It has ended.
    }
  };
  const timer = setInterval(sample, 10);
  const status = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', resolve);
  });
  clearInterval(timer);
  const ms = performance.now() - started;
  if (status !== 0) throw new Error(`${tool.name} ${args.join(' ')} ended with ${status}`);
  return { ms, peakMiB: peakKiB / 1024 };
}

const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? NaN;

/** A pagemap as a large process has one. */
function writePagemap(file: string, entries: number): void {
  const writer = new ImageWriter(file, 'PAGEMAP');
  writer.append({ pages_id: 1 });
  let vaddr = 0x7f0000000000n;
  for (let i = 0; i < entries; i++) {
    const pages = 1 + (i % 7);
    writer.append({ vaddr, compat_nr_pages: pages, flags: i % 3 === 0 ? 6 : 4, nr_pages: BigInt(pages) });
    vaddr += BigInt(pages + 1) * 4096n;
  }
  writer.close();
}

/** A ghost file with a large content. */
function writeGhost(file: string, sizeBytes: number): void {
  const writer = new ImageWriter(file, 'GHOST_FILE');
  writer.append({ uid: 0, gid: 0, mode: 0o100600 });
  writer.close();
  const fd = openSync(file, 'a');
  const chunk = Buffer.alloc(1 << 20, 'crit');
  for (let at = 0; at < sizeBytes; at += chunk.length) writeSync(fd, chunk);
  closeSync(fd);
}

async function compare(
  print: (line: string) => void,
  what: string,
  tools: readonly Tool[],
  argsOf: (tool: Tool) => readonly string[],
  rounds: number,
): Promise<void> {
  const samples = new Map<Tool, Run[]>(tools.map((tool) => [tool, []]));
  for (let i = 0; i < rounds; i++) for (const tool of tools) samples.get(tool)?.push(await run(tool, argsOf(tool)));
  const rows = tools.map((tool) => ({
    tool,
    ms: median((samples.get(tool) ?? []).map((r) => r.ms)),
    peakMiB: Math.max(...(samples.get(tool) ?? []).map((r) => r.peakMiB)),
  }));
  const [ours, theirs] = rows;
  for (const row of rows) {
    const ratio = ours && theirs && row === theirs ? (theirs.ms / ours.ms).toFixed(1) : '';
    print(`| ${what} | ${row.tool.name} | ${row.ms.toFixed(0)} | ${row.peakMiB.toFixed(0)} | ${ratio} |`);
  }
}

/** Decoding and encoding as whole processes, crit and the Python crit in turn; medians, and the highest peak of memory. */
export async function benchCodec(print: (line: string) => void): Promise<void> {
  const dir = mkdtempSync(path.join(tmpdir(), 'crit-bench-'));
  const python = pythonCrit(print);
  const tools = python ? [CRIT, python] : [CRIT];
  const file = (name: string): string => path.join(dir, name);
  try {
    print('| what | tool | ms | peak MiB | times faster |');
    print('|---|---|---|---|---|');
    await compare(
      print,
      'show of a small image',
      tools,
      () => ['show', fixture('tree/pstree.img')],
      Math.max(11, ROUNDS),
    );
    writePagemap(file('pagemap-1.img'), ENTRIES);
    await compare(
      print,
      `decode a pagemap of ${ENTRIES} entries`,
      tools,
      () => ['decode', '-i', file('pagemap-1.img'), '-o', file('out.json')],
      ROUNDS,
    );
    spawnSync(process.execPath, [
      projectPath('bin/crit'),
      'decode',
      '-i',
      file('pagemap-1.img'),
      '-o',
      file('in.json'),
    ]);
    await compare(
      print,
      `encode a pagemap of ${ENTRIES} entries`,
      tools,
      () => ['encode', '-i', file('in.json'), '-o', file('out.img')],
      ROUNDS,
    );
    await compare(
      print,
      `show a pagemap of ${ENTRIES} entries`,
      [CRIT],
      () => ['decode', '--pretty', '-i', file('pagemap-1.img'), '-o', file('out.json')],
      ROUNDS,
    );
    writePagemap(file('pagemap-4.img'), 4 * ENTRIES);
    await compare(
      print,
      `decode a pagemap of ${4 * ENTRIES} entries`,
      [CRIT],
      () => ['decode', '-i', file('pagemap-4.img'), '-o', file('out.json')],
      1,
    );
    rmSync(file('pagemap-4.img'));
    writeGhost(file('ghost-file-1.img'), 1 << 30);
    await compare(
      print,
      'decode a ghost file of 1 GiB',
      [CRIT],
      () => ['decode', '-i', file('ghost-file-1.img'), '-o', '/dev/null'],
      1,
    );
    print(`\n(${statSync(file('pagemap-1.img')).size} bytes of pagemap; ${ROUNDS} rounds)`);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}
