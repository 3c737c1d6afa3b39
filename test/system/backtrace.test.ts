import assert from 'node:assert/strict';
import { execFileSync, spawn, spawnSync, type ChildProcess } from 'node:child_process';
import {
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { readStat } from '../../src/kernel/proc/stat-file.js';
import { crit } from '../cli/run-crit.js';
import { projectPath } from '../project-path.js';
import { after, NEEDS_ROOT, test } from '../root.js';
import { comes } from './round-trip.js';

const dir = mkdtempSync(path.join(tmpdir(), 'crit-bt-'));
const subjects: ChildProcess[] = [];
after(() => {
  for (const subject of subjects) subject.kill('SIGKILL');
  rmSync(dir, { recursive: true, force: true });
});

interface Frame {
  /** As JSON has it: in hex. */
  readonly address: string;
  readonly symbol?: string;
  readonly offset?: number;
  readonly by: string;
}
interface Thread {
  readonly tid: number;
  readonly frames: readonly Frame[];
  readonly stopped?: string;
}

/** Threads of the program that wait for nothing. */
const SPINNING = 1;

/** Whether all threads but one that spins wait, and the first. */
function waits(pid: number): boolean {
  const states = readdirSync(`/proc/${pid}/task`).map((tid) => readStat(pid, Number(tid)).state);
  return states[0] === 'S' && states.filter((state) => state !== 'S').length <= SPINNING;
}

/** Starts a program, waits for it to be where it waits, and dumps it. @returns its set and pid */
async function dumped(
  name: string,
  command: string,
  ...args: string[]
): Promise<{ set: string; pid: number; program: string }> {
  const set = path.join(dir, name);
  mkdirSync(set);
  const said = path.join(dir, `${name}.said`);
  const out = openSync(said, 'w');
  const subject = spawn(command, args, { stdio: ['ignore', out, 'ignore'], detached: true });
  closeSync(out);
  subjects.push(subject);
  const pid = subject.pid!;
  await comes(() => readFileSync(said, 'utf8').includes('ready'));
  for (let looks = 0; looks < 2; looks++) assert.ok(await comes(() => waits(pid)));
  const program = readlinkSync(`/proc/${pid}/exe`);
  const { status, stderr } = crit(['dump', '-t', String(pid), '-D', set, '-R', '-v0', '-j']);
  assert.equal(status, 0, stderr);
  process.kill(-pid, 'SIGKILL');
  return { set, pid, program };
}

function backtrace(set: string, pid: number): readonly Thread[] {
  const { status, stdout, stderr } = crit(['bt', set, String(pid), '--json']);
  assert.equal(status, 0, stderr);
  return (JSON.parse(stdout.toString()) as { threads: Thread[] }[])[0]!.threads;
}

const namesOf = (thread: Thread) => thread.frames.map(({ symbol }) => symbol ?? '??');

/** gdb's frames without those that are on no stack: of inlined functions, of tail calls; symbols of the functions' begin. */
const SCRIPT = `
import gdb, json
out = {}
for thread in gdb.selected_inferior().threads():
    thread.switch()
    frames = []
    frame = gdb.newest_frame()
    while frame is not None and len(frames) < 256:
        if frame.pc() == 0:
            break
        if frame.type() not in (gdb.INLINE_FRAME, gdb.TAILCALL_FRAME):
            pc = frame.pc()
            text = gdb.execute('info symbol 0x%x' % (pc - (1 if frames else 0)), to_string=True)
            frames.append({'pc': pc, 'name': frame.name(), 'symbol': text, 'type': frame.type()})
        try:
            frame = frame.older()
        except gdb.error:
            break
    out[thread.ptid[1]] = frames
open(FILE, 'w').write(json.dumps(out))
`;
const SIGTRAMP_FRAME = 4;

interface GdbFrame {
  readonly pc: number;
  readonly name: string | null;
  readonly symbol: string;
  readonly type: number;
}

function byGdb(set: string, pid: number, program: string): Readonly<Record<string, readonly GdbFrame[]>> {
  const core = path.join(dir, `core.${pid}`);
  assert.equal(crit(['core', set, String(pid), '-o', core]).status, 0);
  const script = path.join(dir, `script.${pid}.py`);
  const answer = path.join(dir, `answer.${pid}`);
  writeFileSync(script, SCRIPT.replace('FILE', JSON.stringify(answer)));
  const before = [
    'set auto-load no',
    'set debuginfod enabled off',
    'set print demangle off',
    'set print asm-demangle off',
    'set backtrace past-main on',
  ];
  const args = ['-nx', '-batch', ...before.flatMap((line) => ['-iex', line]), program, core, '-x', script];
  const { stderr } = spawnSync('gdb', args, { timeout: 120_000, encoding: 'utf8' });
  assert.ok(existsSync(answer), stderr);
  rmSync(core);
  return JSON.parse(readFileSync(answer, 'utf8')) as Record<string, GdbFrame[]>;
}

/** The other names of a function: those of its address in gdb's own words, `info symbol`. */
function sameFunction(frame: Frame, other: GdbFrame): boolean {
  if (other.name === null || other.type === SIGTRAMP_FRAME || frame.symbol === other.name) return true;
  const [, name, offset = '0'] = /^(\S+)(?: \+ (\d+))? in section/.exec(other.symbol) ?? [];
  const into = Number(frame.address) - other.pc + (frame.offset ?? -1);
  return name === frame.symbol || Math.abs(Number(offset) - into) <= 1;
}

const hasGdb = spawnSync('gdb', ['-nx', '-batch', '-ex', 'python print(1)'], { encoding: 'utf8' }).stdout === '1\n';

/** Compares all threads with what gdb says, as far as gdb knows. */
function compare(set: string, pid: number, program: string): void {
  if (!hasGdb) return;
  const gdb = byGdb(set, pid, program);
  for (const thread of backtrace(set, pid)) {
    const other = gdb[thread.tid];
    assert.ok(other, `gdb has thread ${thread.tid}`);
    const told = `${namesOf(thread).join('\n')}\n--- gdb:\n${other.map(({ name }) => name ?? '??').join('\n')}`;
    for (const [i, frame] of other.entries()) {
      const own = thread.frames[i];
      // of what has no entry in .eh_frame gdb guesses
      if (own?.by === 'frame pointer') break;
      if (!own && frame.name === null) break;
      assert.equal(Number(own?.address), frame.pc, `thread ${thread.tid}, frame ${i}:\n${told}`);
      assert.ok(own && sameFunction(own, frame), `thread ${thread.tid}, frame ${i}: ${frame.symbol}\n${told}`);
    }
  }
}

test('stacks of a program without frame pointers are those that gdb shows', async () => {
  const program = path.join(dir, 'program');
  const source = projectPath('test/programs/blocked-threads.c');
  execFileSync('gcc', ['-w', '-O2', '-fomit-frame-pointer', '-o', program, source, '-lpthread']);
  const { set, pid } = await dumped('blocked', program);
  const threads = backtrace(set, pid);
  const stacks = threads.map(namesOf);
  const has = (...names: string[]) => {
    const found = stacks.some((stack) => names.every((name, i) => stack[stack.indexOf(names[0]!) + i] === name));
    assert.ok(found, `${names.join(' < ')} in\n${stacks.map((stack) => stack.join(' < ')).join('\n')}`);
  };
  has('in_cond', 'cond_thread');
  has('in_read', ...Array<string>(21).fill('recurse'), 'shallow_thread');
  has('in_sleep', 'compare');
  has('in_poll', 'handler', '??');
  assert.ok(stacks.some((stack) => stack.includes('signal_thread') && stack.includes('handler')));
  assert.ok(stacks[0]!.indexOf('handler') < stacks[0]!.indexOf('main'));
  const deep = threads.find(({ frames }) => frames.length === 256);
  assert.equal(deep?.stopped, 'more frames follow');
  assert.ok(threads.every(({ frames }) => frames.slice(1).every(({ by }) => by === 'eh_frame')));
  assert.ok(threads.every((thread) => thread === deep || thread.stopped === undefined));
  compare(set, pid, program);
});

for (const [name, command, ...args] of [
  [
    'node',
    process.execPath,
    '-e',
    'setInterval(() => {}, 100000); function f(n) { if (n > 0) return f(n - 1); console.log("ready"); Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0); } f(20);',
  ],
  [
    'python3',
    'python3',
    '-c',
    'import time\ndef f(n):\n  if n: return f(n-1)\n  print("ready", flush=True)\n  time.sleep(10000)\nf(10)',
  ],
  ['bash', 'bash', '-c', 'f() { echo ready; read -t 100000 < <(sleep 1000); }; f; :'],
] as const)
  // prettier-ignore
  test(`stacks of ${name} are those that gdb shows`, async (context) => {
    if (spawnSync(command, ['--version']).status !== 0) {
      context.skip(`${name} is not installed`);
      return;
    }
    if (NEEDS_ROOT !== false) return;
    const { set, pid, program } = await dumped(name, command, ...args);
    const [main] = backtrace(set, pid);
    // through the machine code that node makes, too
    assert.equal(namesOf(main!).at(-1), '_start');
    assert.equal(main!.stopped, undefined);
    compare(set, pid, program);
  });
