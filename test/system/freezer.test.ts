import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { cgroupMount } from '../../src/kernel/proc/cgroup.js';
import { readMountInfo } from '../../src/kernel/proc/mountinfo.js';
import { readChildren } from '../../src/kernel/proc/tasks.js';
import { ROOT } from '../programs.js';
import { test } from '../root.js';
import { comes, crit, sleep, sleeps, Subject } from './round-trip.js';

const VERSIONS = [
  { name: 'version 1', controllers: 'freezer', file: 'freezer.state', frozen: 'FROZEN', thawed: 'THAWED' },
  { name: 'version 2', controllers: '', file: 'cgroup.freeze', frozen: '1', thawed: '0' },
] as const;

/** A control group that can be frozen; in the end whoever is in it is thawed. */
class Group implements AsyncDisposable {
  readonly dir: string;
  readonly #kind: (typeof VERSIONS)[number];
  constructor(mount: string, kind: (typeof VERSIONS)[number]) {
    this.dir = path.join(mount, `crit-test-freezer-${process.pid}`);
    this.#kind = kind;
    mkdirSync(this.dir);
  }
  get state(): string {
    return readFileSync(path.join(this.dir, this.#kind.file), 'utf8').trim();
  }
  set(frozen: boolean): void {
    writeFileSync(path.join(this.dir, this.#kind.file), frozen ? this.#kind.frozen : this.#kind.thawed);
  }
  async becomes(state: string): Promise<void> {
    assert.ok(await comes(() => this.state === state), `it is ${this.state}, not ${state}`);
  }
  put(pid: number): void {
    writeFileSync(path.join(this.dir, 'cgroup.procs'), String(pid));
  }
  async [Symbol.asyncDispose](): Promise<void> {
    this.set(false);
    await this.remove();
  }
  async remove(): Promise<void> {
    for (let i = 0; existsSync(this.dir); i++)
      try {
        rmdirSync(this.dir);
      } catch (error) {
        if (i === 6000) throw error;
        await sleep(10);
      }
  }
}

for (const kind of VERSIONS) {
  const mount = cgroupMount(readMountInfo(process.pid), kind.controllers);
  if (mount === undefined) continue;
  const { name, frozen, thawed } = kind;

  test(`a tree that forks all the time is stopped by its control group, and goes on (${name})`, async () => {
    await using group = new Group(mount, kind);
    await using subject = new Subject('/bin/sh', [
      '-c',
      'echo $$ >"$1"; while :; do (:) & (:); done',
      'sh',
      `${group.dir}/cgroup.procs`,
    ]);
    assert.ok(await comes(() => readChildren(subject.pid).length > 0));
    await subject.dump('-R', '--freeze-cgroup', group.dir);
    assert.equal(group.state, thawed);
    await subject.dump('--freeze-cgroup', group.dir);
    assert.equal(group.state, thawed);
    subject.restore();
    subject.passed();
  });

  test(`what was frozen stays frozen, also when crit is killed, and is restored frozen (${name})`, async () => {
    await using group = new Group(mount, kind);
    await using subject = new Subject('/bin/sleep', ['1000']);
    await sleeps(subject.pid);
    group.put(subject.pid);
    group.set(true);
    await group.becomes(frozen);
    const dump = (...more: string[]) =>
      crit('dump', '-t', String(subject.pid), '-D', subject.images, '--freeze-cgroup', group.dir, ...more);
    const script = path.join(subject.dir, 'script');
    writeFileSync(script, '#!/bin/sh\n[ "$CRTOOLS_SCRIPT_ACTION" != post-dump ] || kill -9 "$PPID"\n', { mode: 0o755 });
    assert.notEqual(dump('--action-script', script).status, 0);
    await group.becomes(frozen);
    const { status, stderr } = dump('-R');
    assert.equal(status, 0, stderr);
    await group.becomes(frozen);
    await subject.dump('--freeze-cgroup', group.dir);
    assert.equal(group.state, thawed, 'nobody is left in it');
    await group.remove();
    subject.restore();
    await group.becomes(frozen);
    // what is frozen does not end (version 1)
    group.set(false);
    subject.passed();
  });

  test(`a control group is thawed when crit is killed while it is frozen (${name})`, async () => {
    await using group = new Group(mount, kind);
    await using subject = new Subject('/bin/sleep', ['1000']);
    await sleeps(subject.pid);
    group.put(subject.pid);
    const { signal, stderr } = spawnSync(process.execPath, [
      '--input-type=module',
      '-e',
      `const { Freezer } = await import(${JSON.stringify(path.join(ROOT, 'dist/src/dump/freezer.js'))});
       const freezer = new Freezer(${JSON.stringify(group.dir)});
       freezer.freeze(5);
       process.kill(process.pid, 'SIGKILL');`,
    ]);
    assert.equal(signal, 'SIGKILL', String(stderr));
    await group.becomes(thawed);
    subject.passed();
  });

  test(`a control group with crit in it, and what is none, are refused (${name})`, async () => {
    await using group = new Group(mount, kind);
    await using subject = new Subject('/bin/sleep', ['1000']);
    await sleeps(subject.pid);
    group.put(subject.pid);
    const inside = spawnSync('/bin/sh', [
      '-c',
      'echo $$ >"$1/cgroup.procs"; shift; exec "$@"',
      'sh',
      group.dir,
      path.join(ROOT, 'bin/crit'),
      'dump',
      '-t',
      String(subject.pid),
      '-D',
      subject.images,
      '--freeze-cgroup',
      group.dir,
    ]);
    assert.match(String(inside.stderr), /has crit itself in it/);
    const { status, stderr } = crit(
      'dump',
      '-t',
      String(subject.pid),
      '-D',
      subject.images,
      '--freeze-cgroup',
      subject.dir,
    );
    assert.equal(status, 1);
    assert.match(stderr, /is no control group that can be frozen/);
    assert.equal(group.state, thawed);
    subject.passed();
  });
}
