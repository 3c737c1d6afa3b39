import assert from 'node:assert/strict';
import { chmodSync, cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, describe, it } from 'node:test';
import { ImageDir } from '../../src/encode/image-dir.js';
import { projectPath } from '../project-path.js';
import { crit } from './run-crit.js';

const dir = mkdtempSync(path.join(tmpdir(), 'crit-edit-cli-'));
after(() => {
  rmSync(dir, { recursive: true, force: true });
});

let sets = 0;
function copy(): string {
  const to = path.join(dir, `set-${sets++}`);
  cpSync(projectPath('fixtures/sets/tree'), to, { recursive: true });
  return to;
}

/** An editor that applies a sed script; texts that are left over go to a directory of the test. */
function run(script: string, ...args: string[]) {
  const editor = path.join(dir, 'editor');
  writeFileSync(editor, `#!/bin/sh\nexec sed -i '${script}' "$@"\n`);
  chmodSync(editor, 0o755);
  return crit(['edit', ...args], { env: { PATH: process.env['PATH'], EDITOR: editor, TMPDIR: dir } });
}

const leftovers = () => readdirSync(dir).filter((name) => name.startsWith('crit-edit-'));

describe('crit edit', () => {
  it('changes an image in place, and nothing else of it', () => {
    const set = copy();
    const before = readFileSync(path.join(set, 'core-812.img'));
    const done = run('s/"comm": "[^"]*"/"comm": "edited"/', path.join(set, 'core-812.img'));
    assert.equal(done.status, 0, done.stderr);
    const images = new ImageDir(set);
    assert.equal(images.first('CORE', 812)?.tc?.comm, 'edited');
    assert.notDeepEqual(readFileSync(path.join(set, 'core-812.img')), before);
    assert.deepEqual(leftovers(), []);
  });

  it('changes a directory with a backup, or into another one', () => {
    const set = copy();
    const out = path.join(dir, 'other');
    assert.equal(run('s/"umask": 18/"umask": 7/', set, '-o', out).status, 0);
    assert.equal(new ImageDir(out).first('FS', 812)?.umask, 7);
    const done = run('s/"umask": 18/"umask": 7/', set);
    assert.equal(done.status, 0, done.stderr);
    assert.equal(new ImageDir(set).first('FS', 812)?.umask, 7);
    assert.equal(new ImageDir(`${set}.bak`).first('FS', 812)?.umask, 18);
    assert.deepEqual(leftovers(), []);
  });

  it('keeps what was written when it stands for no image, and says where it is wrong', () => {
    const set = copy();
    const before = readFileSync(path.join(set, 'fs-812.img'));
    const done = run('s/"umask": 18/"umask": x/', path.join(set, 'fs-812.img'));
    assert.equal(done.status, 1);
    assert.match(done.stderr, /fs-812\.img\.json: line \d+:\d+: .*\n.*what you wrote is in/);
    assert.deepEqual(readFileSync(path.join(set, 'fs-812.img')), before);
    const [kept] = leftovers();
    assert.match(readFileSync(path.join(dir, kept!, 'fs-812.img.json'), 'utf8'), /"umask": x/);
    rmSync(path.join(dir, kept!), { recursive: true });
  });

  it('changes nothing when nothing was changed, or the editor failed', () => {
    const set = copy();
    const done = run('', set);
    assert.deepEqual([done.status, String(done.stdout)], [0, 'nothing is changed\n']);
    assert.ok(!existsSync(`${set}.bak`));
    const failed = crit(['edit', set], { env: { PATH: process.env['PATH'], EDITOR: 'false', TMPDIR: dir } });
    assert.equal(failed.status, 1);
    assert.match(failed.stderr, /the editor \(false\) failed/);
    assert.ok(!existsSync(`${set}.bak`));
  });
});

describe('crit set', () => {
  const SET = projectPath('fixtures/sets/tree');

  it('changes fields and things, and says what it did', () => {
    const out = path.join(dir, 'set-out');
    const done = crit([
      'set',
      SET,
      'core-812.img',
      'sched_nice=3',
      'rlimits.NOFILE.cur=77',
      'fs-812.img',
      'umask=7',
      '--comm',
      '814=x',
      '-o',
      out,
    ]);
    assert.equal(done.status, 0, done.stderr);
    assert.equal(
      String(done.stdout),
      [
        'core-812.img: entries[0].thread_core.sched_nice: 0 -> 3',
        'core-812.img: entries[0].tc.rlimits.rlimits[7].cur: 20000 -> 77',
        'fs-812.img: entries[0].umask: 18 -> 7',
        'process 814 is called x',
        '',
      ].join('\n'),
    );
    assert.equal(new ImageDir(out).first('FS', 812)?.umask, 7);
  });

  it('says what would be changed', () => {
    const done = crit(['set', SET, '--comm', '812=x', '-n']);
    assert.equal(String(done.stdout), 'process 812 is called x\nwould be written: core-812.img\n');
  });

  for (const [args, message] of [
    [[SET, '--comm', '812=x'], /where to\? -o DIR, --in-place, or --dry-run/],
    [[SET, '-n'], /nothing to change/],
    [[SET, 'umask=7', '-n'], /name the image first/],
    [[SET, 'core-1.img', 'a=1', '-n'], /has no core-1\.img/],
    [[SET, '--comm', '1=x', '-n'], /the set has no process 1\n/],
    [[SET, '--comm', '812=much-too-long-a-name', '-n'], /at most 15 bytes/],
    [[SET, '--limit', '812:NOPE=1', '-n'], /"NOPE" is no limit: CPU, FSIZE/],
    [[SET, '--register', '812:nope=1', '-n'], /"nope" is no register/],
    [[SET, '--path', 'relative=x', '-n'], /both paths begin with \//],
    [[SET, '--drop-fd', '812:999', '-n'], /process 812 has no descriptor 999/],
    [[SET, '--hostname', 'x', '-n'], /nothing in the set has a UTS namespace/],
    [[path.join(dir, 'none'), '--comm', '1=x', '-n'], /there is no such file or directory/],
  ] as const)
    it(`refuses ${args.slice(1).join(' ')}`, () => {
      const done = crit(['set', ...args]);
      assert.equal(done.status, 1);
      assert.match(done.stderr, message);
      assert.equal(done.stderr.trim().split('\n').length, 1);
    });
});
