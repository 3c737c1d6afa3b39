import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { writeImage } from '../../src/encode/image-writer.js';
import { PE, VMA } from '../../src/image/vma-status.js';
import { openCheckpoint, type Checkpoint } from '../../src/inspect/checkpoint.js';
import { logTimes } from '../../src/inspect/report/log-times.js';
import { memoryMap } from '../../src/inspect/report/memory-map.js';
import { reportPage } from '../../src/inspect/report/page.js';
import { report } from '../../src/inspect/report/report.js';
import { RunText } from '../../src/inspect/report/run-text.js';
import { sharingGraph } from '../../src/inspect/sharing-graph.js';
import { TolerantImages } from '../../src/inspect/tolerant-images.js';
import { fixture } from '../project-path.js';
import { memoryCheckpoint, readSet } from './memory-set.js';
import { makeSet, page, PID, vma } from './one-task-set.js';

/** Pages of a text of runs, and how many of them are in images. */
function sums(text: string): { pages: number; stored: number; runs: number } {
  const found = [...text.matchAll(/(?:(\d+)\/)?(\d+)([a-z])/g)];
  assert.equal(found.map(([all]) => all).join(''), text);
  const sum = (of: (match: RegExpExecArray) => number) => found.reduce((total, match) => total + of(match), 0);
  return {
    pages: sum(([, , pages]) => Number(pages)),
    stored: sum(([, stored, pages, kind]) => Number(kind === 'i' || kind === 'p' ? pages : (stored ?? 0))),
    runs: found.length,
  };
}

describe('runs of pages as text', () => {
  it('joins what is alike and keeps what is not', () => {
    const runs = new RunText(10);
    for (const [kind, pages] of [
      ['i', 2],
      ['i', 3],
      ['z', 4],
      ['p', 1],
    ] as const)
      runs.add(kind, pages);
    assert.equal(runs.toString(), '5i4z1p');
    assert.equal(runs.isCoarse, false);
  });

  for (const [what, count, pages] of [
    ['every other page', 100_000, () => 1],
    ['short and long runs', 20_000, (i: number) => (i % 50 === 0 ? 5000 : 1 + (i % 7))],
    ['few runs', 5, (i: number) => i + 1],
  ] as const)
    it(`${what}: bounded, and no page is lost`, () => {
      const runs = new RunText(100);
      let [all, stored] = [0, 0];
      for (let i = 0; i < count; i++) {
        const length = pages(i);
        runs.add(i % 2 === 0 ? 'i' : 'z', length);
        all += length;
        stored += i % 2 === 0 ? length : 0;
      }
      const told = sums(runs.toString());
      assert.deepEqual([told.pages, told.stored], [all, stored]);
      assert.ok(told.runs <= 100, String(told.runs));
      assert.equal(runs.isCoarse, count > 100);
    });
});

describe('the memory map of a process', () => {
  let dir: string;
  before(() => {
    dir = mkdtempSync(path.join(tmpdir(), 'crit-report-'));
  });
  after(() => {
    rmSync(dir, { recursive: true, force: true });
  });

  it('tells where each page is, what is shared, huge and locked', () => {
    makeSet(dir, 'first', { runs: [[0x10000, 4, PE.PRESENT]], pages: [page('a'), page('a'), page('a'), page('a')] });
    const set = makeSet(dir, 'second', {
      vmas: [
        vma(0x10000, 0x20000, VMA.REGULAR | VMA.ANON_PRIVATE, { flags: 0x2022, madv: 1n << 14n }),
        vma(0x30000, 0x32000, VMA.REGULAR | VMA.ANON_PRIVATE | VMA.HEAP),
        vma(0x40000, 0x42000, VMA.REGULAR | VMA.ANON_SHARED, { shmid: 9n }),
      ],
      runs: [
        [0x10000, 1, PE.PRESENT],
        [0x11000, 2, PE.PARENT],
        [0x30000, 1, PE.PRESENT],
      ],
      pages: [page('b'), page('c')],
      parent: 'first',
    });
    const checkpoint = openCheckpoint(set);
    const images = new TolerantImages(checkpoint.images);
    const map = memoryMap(checkpoint, images, PID, { mappings: 10, runs: 1000 });
    assert.deepEqual(
      map?.mappings.map(({ start, kind, marks, runs }) => [start, kind, marks, runs]),
      [
        [0x10000n, 'anonymous', ['huge', 'locked'], '1i2p13z'],
        [0x30000n, 'heap', undefined, '1i1z'],
        [0x40000n, 'shared memory', ['shared'], '2x'],
      ],
    );
    const few = memoryMap(checkpoint, images, PID, { mappings: 1, runs: 1000 });
    assert.deepEqual([few?.mappings.length, few?.left], [1, { mappings: 2, pages: 4 }]);
  });
});

describe('the times of a dump by its log', () => {
  const withLog = (name: string, lines: readonly string[]): Checkpoint =>
    memoryCheckpoint(new Map([...readSet(fixture('tree')), [name, Buffer.from(lines.join('\n'))]]));

  it("crit's: spans end where they are told", () => {
    const times = logTimes(
      withLog('dump.log', [
        '(00.000512) Version: 4.2 (crit 0.1.0)',
        '(00.000600) Running on vm Linux 6.1.0 #1 x86_64',
        '(00.194000) freezing_time: 4000 us',
        '(00.194600) 7 processes with 17 threads are stopped',
        '(00.381000) frozen_time: 186000 us',
        'a line of something else',
        '(00.391000) Error (src/dump): it failed',
      ]),
    );
    assert.equal(times?.ranOn, 'vm Linux 6.1.0 #1 x86_64');
    assert.deepEqual(
      times.spans.map(({ name, startSec, endSec }) => [name, startSec.toFixed(3), endSec]),
      [
        ['freezing', '0.190', 0.194],
        ['frozen', '0.195', 0.381],
      ],
    );
    assert.deepEqual(
      times.marks.map(({ kind }) => kind),
      ['step', 'error'],
    );
    assert.deepEqual([times.lines, times.endSec], [6, 0.391]);
  });

  it("CRIU's: a process's turn ends where the next one begins", () => {
    const times = logTimes(
      withLog('dump.log', [
        '(00.010000) Dumping task (pid: 7 comm: a)',
        '(00.020000) Dumping task (pid: 8 comm: b)',
        '(00.050000) Dumping finished successfully',
      ]),
    );
    assert.deepEqual(times?.spans, [
      { name: 'process 7', startSec: 0.01, endSec: 0.02 },
      { name: 'process 8', startSec: 0.02, endSec: 0.05 },
    ]);
  });

  it('no log, or one of something else, tells nothing', () => {
    assert.equal(logTimes(openCheckpoint(fixture('tree'))), undefined);
    assert.equal(logTimes(withLog('dump.log', ['hello', '\0\xff'])), undefined);
  });
});

describe('who shares what', () => {
  it('has both ends of a TCP connection, and locks with all who hold them', () => {
    const { nodes } = sharingGraph(openCheckpoint(fixture('tcp_est')));
    assert.ok(
      nodes.some(({ kind, label }) => kind === 'socket pair' && /^TCP \S+:\d+ - \S+:\d+$/.test(label)),
      JSON.stringify(nodes),
    );
    const dir = mkdtempSync(path.join(tmpdir(), 'crit-locks-'));
    try {
      const set = makeSet(dir, 'locks', {});
      const reg = {
        id: 3,
        name: '/data',
        flags: 2,
        pos: 0n,
        fown: { uid: 0, euid: 0, signum: 0, pid_type: 0, pid: 0 },
      };
      const task = (pid: number, ppid: number) => ({ message: { pid, ppid, pgid: PID, sid: PID, threads: [pid] } });
      writeImage(set, 'PSTREE', undefined, [task(PID, 0), task(8, PID)]);
      writeImage(set, 'FILES', undefined, [{ message: { type: 1, id: 3, reg } }]);
      for (const [pid, fd] of [
        [PID, 5],
        [8, 6],
      ] as const) {
        writeImage(set, 'IDS', pid, [{ message: { vm_id: 1, files_id: pid, fs_id: 1, sighand_id: 1 } }]);
        writeImage(set, 'FDINFO', pid, [{ message: { id: 3, flags: 0, type: 1, fd } }]);
      }
      const lock = (flag: number, type: number) => ({ message: { flag, type, pid: PID, fd: 5, start: 0n, len: 0n } });
      writeImage(set, 'FILE_LOCKS', undefined, [lock(2, 2), lock(1, 0)]);
      const graph = sharingGraph(openCheckpoint(set));
      const locks = graph.nodes.filter(({ kind }) => kind === 'lock');
      assert.deepEqual(
        locks.map(({ label }) => label),
        ['flock write lock on /data', 'POSIX read lock on /data'],
      );
      const holders = locks.map(({ id }) => graph.edges.filter(({ to }) => to === id).map(({ from }) => from));
      assert.deepEqual(holders, [[`process ${PID}`, 'process 8'], [`process ${PID}`]]);
    } finally {
      rmSync(dir, { recursive: true, force: true });
    }
  });
});

describe('a report', () => {
  it('tells once what many processes have alike', () => {
    const found = report(openCheckpoint(fixture('tree')));
    assert.equal(found.processes.length, 8);
    assert.ok(found.credentials.length < 8);
    for (const { fds } of found.processes)
      for (const [, file] of fds) assert.ok(file === -1 || found.files[file] !== undefined);
    const [first] = found.processes;
    const kinds = new Set(first!.map?.mappings.map(({ what }) => found.whats[what]?.kind));
    assert.ok(kinds.has('stack') && kinds.has('file'), [...kinds].join());
    assert.ok(found.whats.length < found.processes.reduce((sum, { map }) => sum + (map?.mappings.length ?? 0), 0));
  });

  it('as a page, has nothing in its data that could end a script element', () => {
    const found = report(openCheckpoint(fixture('tree')));
    const name = '</script><!--<script>&\u2028\u009b';
    const html = reportPage({ ...found, problems: [name] });
    const [, data] = /<script type="application\/json" id="data">(.*?)<\/script>/s.exec(html)!;
    // eslint-disable-next-line no-control-regex -- what must not be there
    assert.doesNotMatch(data!, /[<>&\u2028\u0000-\u001f\u007f-\u009f]/);
    assert.deepEqual((JSON.parse(data!) as { problems: string[] }).problems, [name]);
    assert.match(html, /Content-Security-Policy" content="default-src 'none'; script-src 'sha256-[^']+'; /);
    assert.ok(!html.includes('unsafe-inline'));
    // the one address is the name of SVG
    assert.deepEqual(html.match(/https?:[^"'\s]*/g), ['http://www.w3.org/2000/svg']);
  });

  it('cuts texts off that nobody would read', () => {
    const found = report(openCheckpoint(fixture('tree')));
    const html = reportPage({ ...found, problems: ['x'.repeat(1 << 20)] });
    assert.ok(html.length < 400_000, String(html.length));
    assert.match(html, /x\.\.\. \(1048576 characters in all\)/);
  });
});
