import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { describe, it } from 'node:test';
import { PART_OPTIONS } from '../../src/cli/inspect/parts.js';
import { fixture } from '../project-path.js';
import { crit } from './run-crit.js';

const text = (...args: string[]): string => {
  const { status, stdout } = crit(['inspect', ...args]);
  assert.equal(status, 0);
  return stdout.toString();
};

describe('crit inspect', () => {
  it('shows the set as a whole', () => {
    const shown = text(fixture('tcp_est'));
    for (const part of [
      /^engine +CRIU .*, images v1\.1$/m,
      /^processes +2, 2 threads$/m,
      /^32023 +32020 .* alive +\[tcp_est\]$/m,
      /^frozen +94\.9 ms$/m,
      /TCP FIN_WAIT2 127\.0\.0\.1:40610 -> 127\.0\.0\.1:41505$/m,
      /^ +7 +INET +STREAM +TCP +ESTABLISHED +20000\/0 /m,
      /all but sys_resource/,
      /^ +STACK +8388608 +unlimited$/m,
      /^32020 +32020 +PIPE +USR1 +USR1$/m,
    ])
      assert.match(shown, part);
  });

  it('shows one part without a title, and one process', () => {
    const lines = text(fixture('tree'), '--limits', '-p', '814').split('\n');
    assert.match(lines[0] ?? '', /^PIDS +LIMIT +SOFT +HARD$/);
    assert.match(lines[1] ?? '', /^814 +CPU +unlimited +unlimited$/);
  });

  for (const { name } of PART_OPTIONS)
    it(`--${name} --json is JSON`, () => {
      const found = JSON.parse(text(fixture('container'), `--${name}`, '--json')) as { processes: unknown[] };
      assert.equal(found.processes.length, 3);
    });

  for (const set of readdirSync(fixture()))
    it(`${set}: all of it is JSON, and text of lines`, () => {
      assert.ok(JSON.parse(text(fixture(set), '--json')));
      // eslint-disable-next-line no-control-regex -- nothing of an image may drive a terminal
      assert.doesNotMatch(text(fixture(set)), /[\x00-\x09\x0b-\x1f\x7f]/);
    });

  it('refuses a process that is not there, and what is no checkpoint', () => {
    const missing = crit(['inspect', fixture('tree'), '-p', '4711']);
    assert.deepEqual([missing.status, missing.stdout.toString()], [1, '']);
    assert.match(missing.stderr, /there is no process 4711/);
    assert.equal(crit(['inspect', fixture('tree'), '-p', 'x']).status, 1);
    assert.match(crit(['inspect', fixture()]).stderr, /pstree\.img: is not there/);
  });
});
