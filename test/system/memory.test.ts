import assert from 'node:assert/strict';
import { execFileSync, spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { closeSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { crit } from '../cli/run-crit.js';
import { projectPath } from '../project-path.js';
import { after, before, NEEDS_ROOT, test } from '../root.js';
import { comes } from './round-trip.js';

const dir = mkdtempSync(path.join(tmpdir(), 'crit-marks-'));
const set = path.join(dir, 'set');
const program = path.join(dir, 'marks');
let subject: ChildProcess | undefined;
let pid = '';
const hasGdb = spawnSync('gdb', ['--version']).status === 0;
const gdb = hasGdb ? {} : { skip: 'gdb is not installed' };

before(async () => {
  if (NEEDS_ROOT !== false) return;
  const source = projectPath('test/programs/memory-marks.c');
  execFileSync('gcc', ['-g', '-O1', '-fno-omit-frame-pointer', '-o', program, source, '-lpthread']);
  const said = path.join(dir, 'said');
  const out = openSync(said, 'w');
  subject = spawn(program, { stdio: ['ignore', out, 'ignore'], detached: true });
  closeSync(out);
  await comes(() => readFileSync(said).length > 0);
  pid = String(subject.pid);
  mkdirSync(set);
  const dumped = crit(['dump', '-t', pid, '-D', set, '-R', '-v0', '-j']);
  assert.equal(dumped.status, 0, dumped.stderr);
});

after(() => {
  subject?.kill('SIGKILL');
  rmSync(dir, { recursive: true, force: true });
});

const mem = (...args: string[]): string => {
  const { status, stdout, stderr } = crit(['mem', set, pid, ...args]);
  assert.equal(status, 0, stderr);
  return stdout.toString('latin1');
};

test('crit mem reads variables by their symbols, and finds text in every kind of memory', () => {
  assert.equal(mem('read', 'sym:marked_text').replace(/\0+$/, ''), 'text in initialised data');
  assert.match(mem('hexdump', 'marks:marked_counter'), /^[0-9a-f]+ {2}88 77 66 55 44 33 22 11 /);
  assert.match(mem('search', 'text on the heap'), /^[0-9a-f]+ \[heap\]\+0x/m);
  assert.match(mem('search', '/TEXT in shared MEMORY/i'), /^[0-9a-f]+ \/dev\/zero/m);
  assert.match(mem('search', 'text in a memfd'), /^[0-9a-f]+ \/memfd:marks/m);
  assert.match(mem('search', 'hex:88 77 66 55 44 33 22 11'), /marks\+0x/);
  assert.match(mem('strings', '[heap]'), /^[0-9a-f]+ text on the heap$/m);
  assert.equal(mem('read', 'args'), `${program}\0`);
  assert.match(mem('map', '[stack]'), /rw-.*\[stack\] +pages-\d+\.img \+ 0x/);
  assert.equal(mem('map', '--json').split('\n').filter((line) => line !== '').every((line) => JSON.parse(line)), true); // prettier-ignore
});

test('memory that is extracted is that of the process', () => {
  const out = path.join(dir, 'memory');
  mem('extract', '[heap]', '-o', out);
  const [heap] = mem('map', '[heap]', '--json').split('\n');
  const { start } = JSON.parse(heap ?? '') as { start: number };
  const name = spawnSync('ls', [out]).stdout.toString().trim();
  assert.ok(name.startsWith(start.toString(16)));
  const live = spawnSync('dd', [`if=/proc/${pid}/mem`, 'bs=4096', `skip=${start / 4096}`, 'count=1', 'status=none']);
  assert.deepEqual(Buffer.from(mem('read', start.toString(16), '4K'), 'latin1'), live.stdout);
});

test('gdb opens a core file: threads, stacks, variables, registers', gdb, () => {
  const core = path.join(dir, 'core');
  const made = crit(['core', set, pid, '-o', core]);
  assert.equal(made.status, 0, made.stderr);
  assert.match(made.stdout.toString(), /3 threads/);
  const ask = ['info threads', 'thread apply all bt', 'p/x marked_counter', 'p on_heap', 'p in_shared+4096', 'p in_memfd', 'info auxv']; // prettier-ignore
  const answer = spawnSync('gdb', ['-nx', '-batch', ...ask.flatMap((line) => ['-ex', line]), program, core], {
    encoding: 'utf8',
    timeout: 60_000,
  }).stdout;
  assert.equal(answer.match(/ in innermost \(depth/g)?.length, 3, answer);
  assert.equal(answer.match(/ in outermost \(name=/g)?.length, 2);
  assert.match(answer, / in main \(\)/);
  assert.match(answer, /= 0x1122334455667788/);
  for (const text of ['text on the heap', 'text in shared memory', 'text in a memfd'])
    assert.ok(answer.includes(`"${text}"`), text);
  assert.match(answer, /AT_EXECFN .*marks/);
});

test('crit bt shows where threads are, in the way that is asked for', () => {
  const bt = (...args: string[]) => crit(['bt', set, ...args]);
  const { stdout, status } = bt('--by', 'frame-pointers');
  assert.equal(status, 0);
  const text = stdout.toString();
  assert.match(text, /\(by frame pointers\)/);
  assert.equal(text.match(/ middle\+0x.*\[frame pointer\]/g)?.length, 3, text);
  assert.equal(text.match(/ outermost\+0x/g)?.length, 2);
  assert.match(text, / main\+0x/);
  const rules = bt(pid, '--by', 'eh_frame').stdout.toString();
  assert.match(rules, /\(by eh_frame\)/);
  assert.equal(rules.match(/ innermost\+0x.*\[eh_frame\]\n#2 .* middle\+0x/g)?.length, 3, rules);
  assert.match(bt(pid).stdout.toString(), hasGdb ? /\(by gdb\)[^]* in innermost \(/ : /\(by eh_frame\)/);
  for (const [args, why] of [
    [['--by', 'guess'], /one of gdb, eh_frame, frame-pointers/],
    [['--by', 'gdb', '--json'], /leave out --json/],
  ] as const) {
    const wrong = bt(...args);
    assert.equal(wrong.status, 1);
    assert.match(wrong.stderr, why);
  }
});

test('without the files only what is in the images is told, and nothing is guessed', () => {
  const { stdout, stderr, status } = crit(['bt', set, '--no-files']);
  assert.equal(status, 0);
  assert.doesNotMatch(stdout.toString(), /eh_frame\]/);
  assert.match(stderr, /libc\.so\.6 tells nothing of its functions: it is in the file/);
});

test('what is not there is told in one line', () => {
  for (const [args, why] of [
    [['read', '1000', '16'], /0x1000-0x1010: not in the images: nothing is mapped/],
    [['read', 'sym:no_such_symbol'], /no mapped file has this symbol/],
    [['read', '7000'], /how many bytes/],
    [['search', '/(/'], /Invalid regular expression/],
    [['search', 'hex:1'], /pairs of hex digits/],
  ] as const) {
    const { status, stderr } = crit(['mem', set, pid, ...args]);
    assert.equal(status, 1);
    assert.match(stderr, why);
    assert.match(stderr, /^[^\n]+\n$/);
  }
});
