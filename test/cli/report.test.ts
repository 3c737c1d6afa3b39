import assert from 'node:assert/strict';
import {
  cpSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { openCheckpoint } from '../../src/inspect/checkpoint.js';
import { reportPage } from '../../src/inspect/report/page.js';
import { report } from '../../src/inspect/report/report.js';
import { fixture } from '../project-path.js';
import { crit } from './run-crit.js';

describe('crit report', () => {
  let dir: string;
  before(() => {
    dir = mkdtempSync(path.join(tmpdir(), 'crit-report-'));
  });
  after(() => {
    rmSync(dir, { recursive: true, force: true });
  });

  it('writes a page that only its owner reads, over an older one', () => {
    const out = path.join(dir, 'report.html');
    writeFileSync(out, 'older');
    const { status, stdout } = crit(['report', fixture('pipes'), fixture('tree'), '-o', out]);
    assert.deepEqual([status, stdout.length], [0, 0]);
    const html = readFileSync(out, 'utf8');
    assert.match(html, /^<!doctype html>/);
    assert.match(html, /<\/html>\n$/);
    assert.equal(statSync(out).mode & 0o777, 0o600);
    assert.deepEqual(
      readdirSync(dir).filter((name) => name !== 'report.html'),
      [],
    );
  });

  it('leaves an older page as it was when it fails', () => {
    const out = path.join(dir, 'kept.html');
    writeFileSync(out, 'older');
    const { status, stderr } = crit(['report', path.join(dir, 'nothing'), '-o', out]);
    assert.equal(status, 1);
    assert.match(stderr, /^crit: .*there is no such file or directory\n$/);
    assert.equal(readFileSync(out, 'utf8'), 'older');
    const nowhere = crit(['report', fixture('pipes'), '-o', path.join(dir, 'no/where.html')]);
    assert.match(nowhere.stderr, /cannot be written: there is no directory/);
    assert.equal(nowhere.status, 1);
  });

  it('--json prints what the page is made of', () => {
    const found = JSON.parse(crit(['report', fixture('tree'), '--json']).stdout.toString()) as {
      processes: { pid: number }[];
    };
    assert.equal(found.processes[0]?.pid, 812);
  });

  it('--no-env leaves variables out', () => {
    const strings = (...more: string[]) =>
      (JSON.parse(crit(['report', fixture('tree'), '--json', ...more]).stdout.toString()) as { strings: string[] })
        .strings;
    assert.deepEqual(strings('--no-env'), []);
  });
});

describe('a report of every set, sound or damaged', () => {
  for (const set of readdirSync(fixture()))
    it(set, () => {
      const found = report(openCheckpoint(fixture(set)));
      assert.ok(found.processes.length > 0);
      assert.match(reportPage(found), /<\/html>\n$/);
    });

  const damage: readonly (readonly [what: string, harm: (file: string) => void])[] = [
    ['cut in half', (file) => truncateSync(file, Math.floor(statSync(file).size / 2))],
    ['missing', (file) => unlinkSync(file)],
    ['empty', (file) => truncateSync(file, 0)],
    [
      'with other bytes',
      (file) => {
        const bytes = readFileSync(file);
        for (let at = 9; at < bytes.length; at += 7) bytes[at] = (bytes[at]! * 31 + at) & 0xff;
        writeFileSync(file, bytes);
      },
    ],
  ];
  for (const [what, harm] of damage)
    it(`one image after the other ${what}`, () => {
      const dir = mkdtempSync(path.join(tmpdir(), 'crit-damaged-'));
      try {
        for (const name of readdirSync(fixture('pipes')).filter((one) => !one.endsWith('.json'))) {
          const set = path.join(dir, name);
          cpSync(fixture('pipes'), set, { recursive: true });
          harm(path.join(set, name));
          if (what === 'missing' && name === 'pstree.img') continue;
          const found = report(openCheckpoint(set), { after: openCheckpoint(fixture('pipes')) });
          assert.match(reportPage(found), /<\/html>\n$/, name);
          rmSync(set, { recursive: true });
        }
      } finally {
        rmSync(dir, { recursive: true, force: true });
      }
    });
});
