import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import test, { describe } from 'node:test';
import { FEATURES } from '../../../src/kernel/features/feature-probes.js';
import { Features } from '../../../src/kernel/features/features.js';
import { projectPath } from '../../project-path.js';
import { NEEDS_ROOT } from '../../root.js';
import { crit } from '../run-crit.js';

interface Checked {
  ok: boolean;
  problems: { code: string; message: string }[];
  features: { name: string; here: string; used: boolean; required: boolean }[];
}

const NOBODY = 65534;

/** Runs crit as an ordinary user, who may only reach what is in a directory of root's: the checkout may be in one. */
function asNobody(...args: string[]) {
  const user = [`--reuid=${NOBODY}`, `--regid=${NOBODY}`, '--clear-groups'];
  const reach = ['--inh-caps=-all,+dac_read_search', '--ambient-caps=-all,+dac_read_search'];
  const { status, stdout, stderr } = spawnSync(
    'setpriv',
    [...user, ...reach, process.execPath, projectPath('bin/crit'), ...args],
    { encoding: 'utf8', env: { PATH: process.env['PATH'] } },
  );
  return { status, stdout, stderr };
}

describe('crit check', () => {
  test('says yes where dump and restore can work', { skip: NEEDS_ROOT }, () => {
    const { status, stdout, stderr } = crit(['check']);
    assert.equal(stderr, '');
    assert.equal(status, 0);
    assert.match(stdout.toString(), /\nLooks good\.\n$/);
  });

  test('says of every feature whether it is here and whether crit uses it', { skip: NEEDS_ROOT }, () => {
    const lines = crit(['check']).stdout.toString().trimEnd().split('\n').slice(0, -1);
    assert.equal(lines.length, Object.keys(FEATURES).length);
    for (const line of lines) assert.match(line, /^\S+ +(yes|no|unknown) +(yes|not yet) +[\d.]+ +\S/);
    assert.ok(lines.some((line) => /^tcp-repair +\w+ +not yet /.test(line)));
    assert.ok(lines.some((line) => /^kcmp +yes +yes /.test(line)));
  });

  test('says no to an ordinary user, and why', { skip: NEEDS_ROOT }, () => {
    const { status, stdout, stderr } = asNobody('check');
    assert.equal(status, 1, stderr);
    assert.match(stderr, /^crit: .*run it as root$/m);
    assert.doesNotMatch(stdout, /Looks good/);
    assert.match(stdout, /Does not look good/);
    const json = asNobody('check', '--json');
    assert.equal(json.status, 1);
    const { ok, problems } = JSON.parse(json.stdout) as Checked;
    assert.equal(ok, false);
    assert.ok(problems.some(({ code }) => code === 'PRIVILEGES'));
  });

  test('gives all of it as one JSON object', () => {
    const { status, stdout } = crit(['check', '--json']);
    const { ok, problems, features } = JSON.parse(stdout.toString()) as Checked;
    assert.equal(status, ok ? 0 : 1);
    assert.equal(problems.length === 0, ok);
    assert.deepEqual(
      features.map(({ name }) => name),
      Object.keys(FEATURES),
    );
    assert.equal(features.find(({ name }) => name === 'fuse')?.used, false);
  });

  test('gives single features as JSON, with the status of the plain form', () => {
    const args = ['check', '--feature', 'userns', '--feature', 'mem_dirty_track'];
    const { status, stdout } = crit([...args, '--json']);
    const { ok, features } = JSON.parse(stdout.toString()) as Checked;
    assert.deepEqual(
      features.map(({ name }) => name),
      ['userns', 'mem_dirty_track'],
    );
    assert.equal(status, ok ? 0 : 1);
    assert.equal(crit(args).status, status);
  });
});

test('an answer that is not sure is asked for again', () => {
  let calls = 0;
  const EPERM = 1;
  // a filter that says no to everything at first
  const features = new Features(() => (calls++ === 0 ? -EPERM : 0));
  assert.equal(features.has('kcmp'), 'unknown');
  assert.equal(features.has('kcmp'), 'yes');
  assert.equal(features.has('kcmp'), 'yes');
  assert.equal(calls, 2);
});

describe('--json', () => {
  const failed = (...args: string[]) => {
    const { status, stdout, stderr } = crit(args);
    assert.equal(status, 1);
    assert.match(stderr, /^crit: \S/m);
    const result = JSON.parse(stdout.toString()) as { ok: boolean; code: string; message: string };
    assert.equal(result.ok, false);
    assert.ok(stderr.includes(result.message), stderr);
    return result.code;
  };
  test('a wrong command line', () => {
    assert.equal(failed('dump', '--json'), 'USAGE');
    assert.equal(failed('restore', 'foo', '--json'), 'USAGE');
  });
  test('a directory that is not there', () => {
    assert.equal(failed('restore', '-D', '/nonexistent', '--json'), 'BAD_DIRECTORY');
    assert.equal(failed('dump', '-t', '1', '-D', '/nonexistent', '--json'), 'BAD_DIRECTORY');
  });
  test('a process that is not there', { skip: NEEDS_ROOT }, () => {
    assert.equal(failed('dump', '-t', '2147483647', '-D', '/tmp', '-o', '/dev/null', '--json'), 'NO_PROCESS');
  });
});

test('a mistake sends to the help of the command that was given', () => {
  for (const command of ['dump', 'restore', 'check'])
    assert.match(crit([command, 'foo']).stderr, new RegExp(`see 'crit ${command} --help'\\n$`));
});
