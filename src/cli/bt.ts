import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { openAddressSpace, type AddressSpace } from '../inspect/address-space/address-space.js';
import type { Checkpoint } from '../inspect/checkpoint.js';
import { backtraces, type BacktraceOptions, type StackFrame } from '../inspect/unwind/backtrace.js';
import { coreFile } from '../inspect/core-file/core-file.js';
import { tasksOf } from '../inspect/tasks.js';
import { CritError } from '../image/errors.js';
import { flag, value, type Command, type ParsedArguments } from './command.js';
import { jsonView } from './json-view.js';
import { pidOf, rootOf } from './mem/words.js';
import { openSource } from './open-image-dir.js';
import { oneLine, safeText } from './safe-text.js';
import { writeSparse } from './sparse-file.js';
import { print, warn } from './stdout.js';
import { UsageError } from './usage-error.js';

/** gdb reads symbols of large programs for some time. */
const GDB_MS = 120_000;
const tell = (text: string): void => warn(`crit: warning: ${oneLine(text)}`);

const hasGdb = (): boolean => spawnSync('gdb', ['--version'], { stdio: 'ignore', timeout: 10_000 }).status === 0;

/** Backtraces by gdb, through a core file that is there only so long. @returns undefined when gdb made none */
function byGdb(checkpoint: Checkpoint, space: AddressSpace, args: ParsedArguments): string | undefined {
  const dir = mkdtempSync(path.join(tmpdir(), 'crit-bt-'));
  try {
    const core = path.join(dir, 'core');
    const made = coreFile(checkpoint, space, tell);
    writeSparse(core, made.sizeBytes, made.chunks());
    const program = space.mappings.find(({ name }) => name === space.programPath);
    const file = program && space.fileOf(program);
    const sysroot = value(args, 'sysroot');
    // a program and a core file may bring scripts for gdb along: none is run, nothing is fetched
    const before = ['set auto-load no', 'set debuginfod enabled off', 'set pagination off', 'set width 0'];
    const gdb = [
      '-nx',
      '-batch',
      ...[...before, ...(sysroot === undefined ? [] : [`set sysroot ${sysroot}`])].flatMap((line) => ['-iex', line]),
      '-ex',
      'thread apply all -ascending bt 256',
      ...(file ? [file.name] : []),
      '-c',
      core,
    ];
    const { stdout, status } = spawnSync('gdb', gdb, {
      encoding: 'utf8',
      timeout: GDB_MS,
      killSignal: 'SIGKILL',
      maxBuffer: 256 << 20,
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    const start = stdout.search(/^Thread \d+ /m);
    if (status !== 0 || start < 0) return undefined;
    return stdout.slice(start).split('\n').map(safeText).join('\n');
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

function frameText({ address, symbol, offset, file, isSignalFrame, by }: StackFrame, i: number): string {
  const name = symbol === undefined ? '??' : `${symbol}+0x${(offset ?? 0).toString(16)}`;
  const what = isSignalFrame ? '<signal handler called>' : name;
  const where = `0x${address.toString(16).padStart(16, '0')} ${what} (${file ?? 'nothing is mapped'})`;
  return `#${String(i).padEnd(3)} ${where} [${by}]`;
}

const WAYS: ReadonlyMap<string, BacktraceOptions['by'] | 'gdb'> = new Map([
  ['gdb', 'gdb'],
  ['eh_frame', 'eh_frame'],
  ['frame-pointers', 'frame pointers'],
]);

/** How backtraces are made; undefined: by gdb where it is installed. */
function wayOf(args: ParsedArguments): BacktraceOptions['by'] | 'gdb' {
  const name = value(args, 'by');
  const by = WAYS.get(name ?? '');
  if (name !== undefined && !by) throw new UsageError(`bt: --by ${name}: it is one of ${[...WAYS.keys()].join(', ')}`);
  if (by === 'gdb' && (flag(args, 'json') || flag(args, 'no-files')))
    throw new UsageError('bt: --by gdb reads files and prints text: leave out --json and --no-files');
  return by;
}

export const bt: Command = {
  name: 'bt',
  describe: 'show where the threads of processes are: their backtraces',
  positionals: [
    { name: 'src', describe: 'the checkpoint: a directory, or a .tar, .tar.gz or .tar.zst of one' },
    { name: 'pid', describe: 'the process; all of them if none is named', optional: true, completes: 'any' },
  ],
  options: [
    {
      name: 'by',
      type: 'string',
      value: 'WAY',
      describe: 'gdb, eh_frame or frame-pointers; if none is named gdb where it is installed, else eh_frame',
    },
    { name: 'sysroot', type: 'string', value: 'DIR', describe: 'look up programs and libraries below this directory' },
    { name: 'no-files', type: 'boolean', describe: 'never read mapped files of this machine' },
    { name: 'json', type: 'boolean', describe: 'print JSON; never by gdb' },
  ],
  examples: [
    ['bt checkpoint/', 'where every thread of the checkpoint is'],
    ['bt checkpoint/ 1234 --by eh_frame', 'the threads of one process, without gdb'],
  ],
  run: (args) => {
    const { src = '', pid } = args.positionals;
    const checkpoint = openSource(src);
    const pids = pid === undefined ? tasksOf(checkpoint.images).map((task) => task.pid) : [pidOf(pid)];
    const isJson = flag(args, 'json');
    const way = wayOf(args);
    const useGdb = way === 'gdb' || (way === undefined && !isJson && !flag(args, 'no-files') && hasGdb());
    const by = way === 'gdb' ? undefined : way;
    const data: object[] = [];
    let shown = 0;
    for (const number of pids) {
      try {
        using space = openAddressSpace(checkpoint, number, { root: rootOf(args) });
        const text = useGdb ? byGdb(checkpoint, space, args) : undefined;
        if (useGdb && text === undefined) tell(`gdb makes nothing of process ${number}: .eh_frame is followed`);
        const threads = text === undefined ? backtraces(checkpoint, space, tell, by ? { by } : {}) : [];
        for (const warning of space.warnings) tell(warning);
        shown++;
        if (isJson) {
          data.push({ pid: number, threads });
          continue;
        }
        print(
          `process ${number}: ${safeText(space.programPath)} (by ${text === undefined ? (by ?? 'eh_frame') : 'gdb'})\n\n`,
        );
        if (text !== undefined) print(`${text.trim()}\n\n`);
        for (const { tid, name, frames, stopped } of threads) {
          const end = stopped === undefined ? [] : [`     (${stopped})`];
          const lines = [...frames.map(frameText), ...end].map(safeText);
          print(`Thread ${tid} (${safeText(name)}):\n${lines.join('\n')}\n\n`);
        }
      } catch (error) {
        // of many processes one may be a zombie, or damaged
        if (pid !== undefined || !(error instanceof CritError) || error instanceof UsageError) throw error;
        if (error.code !== 'ZOMBIE') tell(error.message);
      }
    }
    if (isJson) print(jsonView(data));
    return shown > 0 ? 0 : 1;
  },
};
