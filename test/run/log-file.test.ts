import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, describe, it } from 'node:test';
import { LogFile, timestamp } from '../../src/run/log-file.js';

describe('the log', () => {
  const dir = mkdtempSync(path.join(tmpdir(), 'crit-log-'));
  after(() => {
    rmSync(dir, { recursive: true });
  });
  const file = path.join(dir, 'log');

  /** What a log of a level says when everything is said. */
  function lines(level: number): string[] {
    {
      using log = new LogFile(file, level, 'src/dump', () => undefined);
      log.info('information');
      log.debug('detail');
    }
    return readFileSync(file, 'utf8').split('\n').slice(0, -1);
  }

  it('has timestamps as CRIU prints them, always ten characters wide', () => {
    assert.equal(timestamp(0), '(00.000000');
    assert.equal(timestamp(1_234_567.8), '(01.234567');
    assert.equal(timestamp(99_999_999), '(99.999999');
    assert.equal(timestamp(123_456_789), '(123.45678');
  });

  it('has what its level lets through', () => {
    assert.deepEqual(lines(2), []);
    const three = lines(3);
    assert.match(three[0] ?? '', /^\(\d\d\.\d{6}\) Version: 4\.2 \(crit /);
    assert.match(three[1] ?? '', /^\(\d\d\.\d{6}\) Running on .* Linux /);
    assert.match(three[2] ?? '', /^\(\d\d\.\d{6}\) information$/);
    assert.equal(three.length, 3);
    assert.match(lines(4)[3] ?? '', /^\(\d\d\.\d{6}\) detail$/);
  });

  it('is readable by its owner only', () => {
    lines(4);
    assert.equal(statSync(file).mode & 0o777, 0o600);
  });

  it('names the file that it cannot make', () => {
    assert.throws(() => new LogFile(path.join(dir, 'no/log'), 4, 'src/dump', () => undefined), {
      code: 'CANNOT_WRITE',
      message: /no\/log cannot be made: no such file or directory/,
    });
  });

  /** Says an error and two equal warnings in a process of its own. */
  function said(target: string | undefined, level: number): { stdout: string; stderr: string } {
    const module = JSON.stringify(new URL('../../src/run/log-file.js', import.meta.url).href);
    const script = `
      const { LogFile } = await import(${module});
      const log = new LogFile(${JSON.stringify(target)}, ${level}, 'src/dump', console.error);
      log.warn('beware'); log.warn('beware'); log.error('bad\\nthing\\u001b[2J'); log.note('FAILED');
      log[Symbol.dispose]();`;
    const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' });
    return { stdout, stderr };
  }

  it('in a file is never the only place of an error or a warning', () => {
    assert.equal(said(file, 2).stderr, 'crit: warning: beware\ncrit: bad thing\\x1b[2J\n');
    assert.equal(
      readFileSync(file, 'utf8'),
      'Warn  (src/dump): beware\nWarn  (src/dump): beware\nError (src/dump): bad thing\\x1b[2J\nError (src/dump): FAILED\n',
    );
  });

  it('on standard error says each of them there, once', () => {
    assert.equal(said(undefined, 2).stderr, 'crit: warning: beware\ncrit: bad thing\\x1b[2J\n');
    assert.match(said(undefined, 3).stderr, /^\(00\.\d{6}\) Version[^]*\ncrit: warning: beware\ncrit: bad thing/);
    assert.equal(said(undefined, 0).stderr, 'crit: bad thing\\x1b[2J\n');
    assert.match(said('-', 3).stdout, /^\(00\.\d{6}\) Version[^]*\(00\.\d{6}\) Error \(src\/dump\): bad thing/);
  });

  it('that cannot be written warns once and lets the work go on', () => {
    const { stderr } = said('/dev/full', 4);
    assert.equal(stderr.match(/\/dev\/full cannot be written: no space left on the device/g)?.length, 1);
    assert.match(stderr, /^crit: bad thing/m);
  });
});
