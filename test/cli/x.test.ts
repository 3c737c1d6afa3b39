import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { fixture, projectPath } from '../project-path.js';
import { crit } from './run-crit.js';

const VIEWS = ['ps', 'fds', 'mems', 'rss'];

describe('crit x prints what the Python crit prints', () => {
  for (const set of readdirSync(fixture())) {
    for (const view of VIEWS) {
      const reference = projectPath('fixtures/python-crit', set, `x-${view}.txt`);
      if (!existsSync(reference)) continue;
      it(`x ${set} ${view}`, () => {
        const { status, stdout, stderr } = crit(['x', fixture(set), view]);
        assert.equal(stderr, '');
        assert.equal(stdout.toString(), readFileSync(reference, 'utf8'));
        assert.equal(status, 0);
      });
    }
  }
});

describe('crit x where the Python crit gives up', () => {
  for (const view of ['fds', 'mems', 'rss']) {
    it(`a zombie has an empty section in ${view}`, () => {
      const { status, stdout } = crit(['x', fixture('tree'), view]);
      assert.equal(status, 0);
      assert.match(stdout.toString(), /\n820\n\d+\n/);
    });
  }
});

describe('crit x DIR sk', () => {
  it('lists sockets with addresses, queues and owners', () => {
    const { stdout } = crit(['x', fixture('tcp_est'), 'sk']);
    const lines = stdout.toString().trimEnd().split('\n');
    assert.match(lines[0] ?? '', /^ID +INO +FAMILY +TYPE +PROTO +STATE +QUEUED +LOCAL +PEER +OWNERS$/);
    assert.ok(lines.slice(1).some((line) => / INET +STREAM +TCP +ESTABLISHED /.test(line)));
  });

  for (const set of readdirSync(fixture())) {
    it(`${set}: every descriptor of a socket has its socket`, () => {
      const list = JSON.parse(crit(['x', fixture(set), 'sk', '--json']).stdout.toString()) as {
        owners: { pid: number; fd: number }[];
      }[];
      const owned = list.flatMap(({ owners }) => owners).length;
      const tasks = JSON.parse(crit(['x', fixture(set), 'fds', '--json']).stdout.toString()) as {
        fds: { type: string }[];
      }[];
      const sockets = tasks.flatMap(({ fds }) => fds).filter(({ type }) => /SK$/.test(type)).length;
      assert.equal(owned, sockets);
    });
  }
});

describe('crit x --json', () => {
  for (const view of [...VIEWS, 'sk']) {
    it(`${view} is JSON with exact addresses`, () => {
      const text = crit(['x', fixture('tcp_est'), view, '--json']).stdout.toString();
      assert.ok(Array.isArray(JSON.parse(text)));
      if (view === 'mems') assert.match(text, /"start": "0xffffffffff600000"/);
    });
  }
});

describe('crit x of what is no image directory', () => {
  const line = (...args: string[]): string => {
    const { status, stdout, stderr } = crit(args);
    assert.equal(status, 1);
    assert.equal(stdout.toString(), '');
    assert.match(stderr, /^[^\n]+\n$/);
    return stderr;
  };
  it('a directory without pstree.img', () =>
    assert.match(line('x', projectPath('docs'), 'ps'), /pstree\.img: is not there/));
  it('no directory', () =>
    assert.match(line('x', '/nonexistent', 'ps'), /\/nonexistent: there is no such file or directory/));
  it('a file', () => assert.match(line('x', projectPath('LICENSE'), 'ps'), /LICENSE: is no tar archive/));
});
