import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, describe, it } from 'node:test';
import { fixture, projectPath } from '../project-path.js';
import { crit } from './run-crit.js';

const dir = mkdtempSync(path.join(tmpdir(), 'crit launcher-'));
after(() => rmSync(dir, { recursive: true }));

const INFO = ['info', fixture('tree/pstree.img')];
const firstLine = (file: string): string => readFileSync(file, 'utf8').split('\n')[0]!;

describe("a stranger's environment", () => {
  const plain = crit(INFO).stdout.toString();
  const evil = path.join(dir, 'evil.cjs');
  const trace = path.join(dir, 'trace');
  writeFileSync(evil, `require('fs').writeFileSync(${JSON.stringify(trace)}, 'was here'); console.log('evil');`);
  const quoted = evil.replaceAll(' ', '\\ ');
  const cases: readonly (readonly [name: string, value: string])[] = [
    ['NODE_OPTIONS', `--require="${quoted}"`],
    ['NODE_OPTIONS', '--require=/nowhere/agent.js'],
    ['NODE_OPTIONS', '--inspect=127.0.0.1:0'],
    ['NODE_OPTIONS', '--cpu-prof --cpu-prof-dir=.'],
    ['NODE_V8_COVERAGE', path.join(dir, 'coverage')],
    ['NODE_REDIRECT_WARNINGS', path.join(dir, 'warnings')],
    ['NODE_COMPILE_CACHE', path.join(dir, 'compiled')],
    ['NODE_CHANNEL_FD', '77'],
    ['NODE_ICU_DATA', '/nowhere'],
    ['OPENSSL_CONF', '/nowhere/openssl.cnf'],
    ['LD_LIBRARY_PATH', dir],
    ['LD_DEBUG', 'files'],
  ];
  for (const [name, value] of cases)
    it(`${name}=${value.replaceAll(dir, '...')} is not heard`, () => {
      const before = readdirSync(dir);
      const run = crit(INFO, { cwd: dir, env: { PATH: process.env['PATH'], [name]: value } });
      // The loader speaks of the shell, before the shell can take the variable away.
      if (name !== 'LD_DEBUG') assert.equal(run.stderr, '');
      assert.doesNotMatch(run.stderr, /libstdc|Debugger/);
      assert.equal(run.stdout.toString(), plain);
      assert.equal(run.status, 0);
      assert.deepEqual(readdirSync(dir), before);
    });
});

describe('the executables', () => {
  it('are a shell script, and one that npm starts by node where there is no shell', () => {
    assert.equal(firstLine(projectPath('bin/crit')), '#!/bin/sh');
    const { bin } = JSON.parse(readFileSync(projectPath('package.json'), 'utf8')) as { bin: { crit: string } };
    assert.equal(firstLine(projectPath(bin.crit)), '#!/usr/bin/env node');
    const { stdout } = spawnSync(process.execPath, [projectPath(bin.crit), ...INFO]);
    assert.ok(stdout.equals(crit(INFO).stdout));
  });

  it('say how to build in a path that needs quotes', () => {
    const place = path.join(dir, "not built, it's new");
    cpSync(projectPath('bin'), path.join(place, 'bin'), { recursive: true });
    const { status, stderr } = spawnSync(path.join(place, 'bin/crit'), INFO, { encoding: 'utf8' });
    assert.equal(status, 1);
    const command = /^crit: not built yet: run: (cd .*) && npm ci && npm run build\n$/.exec(stderr)?.[1];
    assert.ok(command, stderr);
    assert.equal(
      spawnSync('sh', ['-c', `${command} && pwd -P`], { encoding: 'utf8' }).stdout.trim(),
      spawnSync('pwd', ['-P'], { encoding: 'utf8', cwd: place }).stdout.trim(),
    );
  });
});

describe('the code cache', { skip: process.platform === 'win32' }, () => {
  /** crit, built and without caches. */
  function installed(name: string): { crit: string; dist: string; home: string } {
    const place = path.join(dir, name);
    const dist = path.join(place, 'dist');
    mkdirSync(dist, { recursive: true });
    cpSync(projectPath('bin'), path.join(place, 'bin'), { recursive: true });
    copyFileSync(projectPath('dist/cli.cjs'), path.join(dist, 'cli.cjs'));
    for (const part of [place, dist]) chmodSync(part, 0o755);
    const home = path.join(place, 'home');
    mkdirSync(home);
    return { crit: path.join(place, 'bin/crit'), dist, home };
  }
  const run = (command: string, home: string): void => {
    const { status, stderr } = spawnSync(command, INFO, {
      env: { PATH: process.env['PATH'], HOME: home },
      encoding: 'utf8',
    });
    assert.equal(status, 0, stderr);
    assert.equal(stderr, '');
  };

  it('is made beside a bundle that is ours, and read', () => {
    const { crit: command, dist, home } = installed('ours');
    run(command, home);
    const cache = path.join(dist, `cli-${process.version}-${process.arch}.cache`);
    const made = statSync(cache);
    assert.equal(made.mode & 0o022, 0);
    run(command, home);
    assert.equal(statSync(cache).ino, made.ino, 'made once');
    writeFileSync(cache, 'nonsense');
    run(command, home);
    renameSync(cache, path.join(dist, 'cli-v1.0.0-x64.cache'));
    run(command, home);
    assert.deepEqual(readdirSync(dist).sort(), [path.basename(cache), 'cli.cjs']);
    assert.ok(statSync(cache).size > 1000);
    assert.deepEqual(readdirSync(home), []);
  });

  it('is made in the cache directory of a user whose the bundle is not; root has none there', () => {
    const { crit: command, dist, home } = installed('shared');
    chmodSync(dist, 0o777);
    run(command, home);
    assert.deepEqual(readdirSync(dist), ['cli.cjs']);
    const folder = path.join(home, '.cache/crit');
    assert.equal(existsSync(folder), process.getuid?.() !== 0);
  });

  it(
    'of a user is not taken from a directory that others can write',
    { skip: process.getuid?.() === 0 ? 'root has none' : false },
    () => {
      const { crit: command, dist, home } = installed('group');
      chmodSync(dist, 0o777);
      const folder = path.join(home, '.cache/crit');
      mkdirSync(folder, { recursive: true });
      chmodSync(folder, 0o777);
      run(command, home);
      assert.deepEqual(readdirSync(folder), []);
    },
  );
});
