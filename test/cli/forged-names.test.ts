/* eslint-disable no-control-regex -- control characters are what is looked for */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { ImageDir } from '../../src/encode/image-dir.js';
import { fixture, projectPath } from '../project-path.js';
import { crit } from './run-crit.js';

/** A title, a colour, a line of its own, a C1 control, a Unicode line end, and what turns the direction of text. */
const FORGED = '\u001b]0;owned\u0007\u001b[31mX\nforged 1 2 3\r\u009b31m\u2028\u202eRTL';
const VIEWS = ['ps', 'fds', 'mems', 'rss', 'sk'];
const hasScript = spawnSync('script', ['--version']).status === 0;

describe('names that were made to deceive', () => {
  let dir: string;
  before(() => {
    dir = mkdtempSync(path.join(tmpdir(), 'crit-forged-'));
    cpSync(fixture('tcp_est'), dir, { recursive: true });
    const images = new ImageDir(dir);
    for (const file of readdirSync(dir).filter((name) => /^core-\d+\.img$/.test(name))) {
      const pid = Number(/\d+/.exec(file)?.[0]);
      const { entries } = images.read('CORE', pid);
      for (const { message } of entries) if (message.tc) message.tc.comm = FORGED;
      images.write('CORE', pid, entries);
    }
    const { entries } = images.read('FILES');
    for (const { message } of entries) if (message.reg) message.reg.name = `/tmp/${FORGED}`;
    images.write('FILES', undefined, entries);
  });
  after(() => {
    rmSync(dir, { recursive: true, force: true });
  });

  for (const view of VIEWS)
    it(`x ${view} into a pipe has as many lines as with honest names, and no control characters`, () => {
      const { stdout, status } = crit(['x', dir, view]);
      assert.equal(status, 0);
      const text = stdout.toString();
      assert.doesNotMatch(text, /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u2028\u2029]/);
      assert.doesNotMatch(text, /^forged/m);
      const honest = crit(['x', fixture('tcp_est'), view]).stdout.toString();
      assert.equal(text.split('\n').length, honest.split('\n').length);
    });

  for (const view of VIEWS)
    it(`x ${view} --json passes no control characters on, and is still the same JSON`, () => {
      const text = crit(['x', dir, view, '--json']).stdout.toString();
      assert.doesNotMatch(text, /[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/);
      if (view === 'ps') assert.equal((JSON.parse(text) as { comm: string }[])[0]?.comm, FORGED);
    });

  for (const view of VIEWS)
    it(`x ${view} on a terminal shows them`, { skip: hasScript ? false : 'needs script(1)' }, () => {
      const { stdout } = spawnSync('script', ['-qec', `'${projectPath('bin/crit')}' x '${dir}' ${view}`, '/dev/null'], {
        env: { PATH: process.env['PATH'], TERM: 'xterm', NO_COLOR: '1' },
        encoding: 'utf8',
        input: '',
      });
      assert.doesNotMatch(stdout.replaceAll('\r\n', '\n'), /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u2028\u202e]/);
      assert.doesNotMatch(stdout, /^forged/m);
    });
});

describe('crit x --json', () => {
  const view = (name: string): unknown => JSON.parse(crit(['x', fixture('tcp_est'), name, '--json']).stdout.toString());
  it('has counts as numbers and flags by name', () => {
    const [rss] = view('rss') as {
      ranges: { vaddr: string; pages: number; flags: string[]; vmas: { pages: number }[] }[];
    }[];
    const range = rss!.ranges[0]!;
    assert.equal(typeof range.pages, 'number');
    assert.match(range.vaddr, /^0x[0-9a-f]+$/);
    assert.deepEqual(range.flags, ['PE_PRESENT']);
    assert.equal(typeof range.vmas[0]!.pages, 'number');
    const [mems] = view('mems') as { vmas: { start: string; pgoff: number; status: string[] }[] }[];
    assert.ok(mems!.vmas.some(({ status }) => status.includes('VMA_AREA_REGULAR')));
    assert.equal(typeof mems!.vmas[0]!.pgoff, 'number');
    const [fds] = view('fds') as { fds: { flags: string[] }[] }[];
    for (const { flags } of fds!.fds) assert.ok(flags.every((flag) => flag === 'FD_CLOEXEC'));
  });
});

describe('what does not fit together is said', () => {
  const changed = (change: (images: ImageDir) => void, view: string): { stdout: string; stderr: string } => {
    const dir = mkdtempSync(path.join(tmpdir(), 'crit-dangling-'));
    try {
      cpSync(fixture('tcp_est'), dir, { recursive: true });
      change(new ImageDir(dir));
      const { stdout, stderr, status } = crit(['x', dir, view]);
      assert.equal(status, 0);
      return { stdout: stdout.toString(), stderr };
    } finally {
      rmSync(dir, { recursive: true, force: true });
    }
  };
  it('a parent that is not there', () => {
    const { stderr } = changed((images) => {
      const { entries } = images.read('PSTREE');
      entries[0]!.message.ppid = 4242;
      images.write('PSTREE', undefined, entries);
    }, 'ps');
    assert.match(stderr, /^crit: warning: pstree\.img: task \d+ .*parent 4242.*\n$/);
  });
  it('a file that is not there', () => {
    const { stdout, stderr } = changed((images) => {
      const { entries } = images.read('FILES');
      const gone = entries.findIndex(({ message }) => message.reg?.name === '/dev/null');
      entries.splice(gone, 1);
      images.write('FILES', undefined, entries);
    }, 'fds');
    assert.match(stdout, /unknown path/);
    assert.match(stderr, /^crit: warning: \S+\.img: .*: files\.img has no file with the id \d+$/m);
  });
  it('nothing, where all is there', () => {
    assert.equal(changed(() => undefined, 'fds').stderr, '');
  });
});

test100k('a flat tree', (i) => (i === 0 ? 0 : 1));
test100k('a tree of two levels', (i) => (i === 0 ? 0 : i < 300 ? 1 : 2 + (i % 299)));

/** pid 1 and 99,999 more; `parent` tells the parent of the i-th task, counted from 0, by pid. */
function test100k(what: string, parent: (i: number) => number): void {
  describe(`${what} of 100,000 tasks`, () => {
    let dir: string;
    before(() => {
      dir = mkdtempSync(path.join(tmpdir(), 'crit-many-'));
      const entries = Array.from({ length: 100_000 }, (_, i) => ({
        message: { pid: i + 1, ppid: parent(i), pgid: 1, sid: 1, threads: [i + 1] },
      }));
      new ImageDir(dir).write('PSTREE', undefined, entries);
    });
    after(() => {
      rmSync(dir, { recursive: true, force: true });
    });
    it('is shown in seconds', { timeout: 120_000 }, () => {
      assert.equal(crit(['x', dir, 'ps']).stdout.toString().split('\n').length, 100_002);
      if (!hasScript) return;
      const { stdout } = spawnSync('script', ['-qec', `'${projectPath('bin/crit')}' x '${dir}' ps`, '/dev/null'], {
        env: { PATH: process.env['PATH'], TERM: 'xterm' },
        encoding: 'utf8',
        input: '',
        maxBuffer: 1 << 28,
      });
      assert.equal(stdout.split('\n').length, 100_002);
    });
  });
}

it(
  '300,000 mappings are shown on a terminal',
  { skip: hasScript ? false : 'needs script(1)', timeout: 120_000 },
  () => {
    const dir = mkdtempSync(path.join(tmpdir(), 'crit-many-'));
    try {
      const images = new ImageDir(dir);
      cpSync(fixture('tcp_est'), dir, { recursive: true });
      const pid = images.read('PSTREE').entries[0]!.message.pid;
      const { entries } = images.read('MM', pid);
      const [mm] = entries;
      const first = mm!.message.vmas![0]!;
      mm!.message.vmas = Array.from({ length: 300_000 }, (_, i) => ({
        ...first,
        start: 0x10000n + BigInt(i) * 0x2000n,
        end: 0x11000n + BigInt(i) * 0x2000n,
      }));
      images.write('MM', pid, entries);
      const { stdout } = spawnSync('script', ['-qec', `'${projectPath('bin/crit')}' x '${dir}' mems`, '/dev/null'], {
        env: { PATH: process.env['PATH'], TERM: 'xterm' },
        encoding: 'utf8',
        input: '',
        maxBuffer: 1 << 28,
      });
      assert.ok(stdout.split('\n').length > 300_000, stdout.slice(0, 500));
    } finally {
      rmSync(dir, { recursive: true, force: true });
    }
  },
);

it('what stdout takes is checked: closed and full are errors', () => {
  const run = (redirect: string) =>
    spawnSync(
      'sh',
      ['-c', `"$0" info "$1" ${redirect}; echo "rc $?" >&2`, projectPath('bin/crit'), fixture('tcp_est/pstree.img')],
      {
        encoding: 'utf8',
        env: { PATH: process.env['PATH'] },
      },
    ).stderr;
  assert.equal(run('>&-'), 'crit: standard output is closed\nrc 1\n');
  assert.equal(run('>/dev/full'), 'crit: standard output: cannot be written: no space left on the device\nrc 1\n');
  assert.equal(run('>/dev/null'), 'rc 0\n');
});

it('-o names what cannot be written as it was named', () => {
  const image = fixture('tcp_est/pstree.img');
  const line = (file: string) => {
    const { status, stderr } = crit(['decode', '-i', image, '-o', file]);
    assert.equal(status, 1);
    return stderr;
  };
  assert.equal(
    line('/nowhere/out.json'),
    'crit: /nowhere/out.json: cannot be written: there is no directory /nowhere\n',
  );
  assert.equal(line('/'), 'crit: /: cannot be written: it is a directory, and -o names a file\n');
  assert.equal(line('/dev/full'), 'crit: /dev/full: cannot be written: no space left on the device\n');
  assert.ok(readFileSync(image).length > 0);
});
