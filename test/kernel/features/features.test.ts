import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { describe, it } from 'node:test';
import { FEATURES } from '../../../src/kernel/features/feature-probes.js';
import { Features } from '../../../src/kernel/features/features.js';
import { kernelAtLeast } from '../../../src/kernel/proc/system-files.js';
import { sysRaw } from '../../../src/native/sys.js';

describe('Features', () => {
  it('answers about this kernel without leaving a descriptor behind', () => {
    const before = readdirSync('/proc/self/fd').length;
    const features = new Features(sysRaw);
    for (const { name, feature, answer } of features.all()) {
      assert.match(answer, /^(yes|no|unknown)$/, name);
      assert.match(feature.since, /^\d+\.\d+(\.\d+)?$/, name);
      if (answer === 'yes' && feature.since.split('.').length === 2)
        assert.ok(kernelAtLeast(feature.since), `${name} is there before ${feature.since}`);
    }
    assert.equal(readdirSync('/proc/self/fd').length, before);
    assert.equal(features.has('kcmp'), 'yes');
    assert.equal(features.has('clone3-set-tid'), 'yes');
  });

  it('asks once', () => {
    let calls = 0;
    const features = new Features(() => ++calls - calls);
    features.has('kcmp');
    features.has('kcmp');
    assert.equal(calls, 1);
  });

  it('says unknown without system calls, no on a kernel without them, and unknown under a filter', () => {
    assert.equal(new Features().has('pidfd-getfd'), 'unknown');
    for (const name of ['kcmp', 'pidfd-getfd', 'clone3-set-tid', 'memfd-create', 'userfaultfd-wp-async'] as const) {
      assert.equal(new Features(() => -38).has(name), 'no', name);
      assert.equal(new Features(() => -1).has(name), 'unknown', name);
    }
  });

  it('tells what cannot work on any kernel before', () => {
    const required = Object.entries(FEATURES).filter(([, feature]) => 'required' in feature);
    assert.ok(required.length >= 5);
  });

  it('compares versions by number', () => {
    assert.ok(
      kernelAtLeast('5.9', '5.10.0-8-amd64') && !kernelAtLeast('5.10', '5.9.1') && kernelAtLeast('6.1', '6.1-rc1'),
    );
  });

  it('never forks', () => {
    const children = execFileSync('sh', ['-c', `cat /proc/${process.pid}/task/*/children`], { encoding: 'utf8' });
    new Features(sysRaw).has('clone3-set-tid');
    assert.equal(children.trim().split(' ').length, 1);
  });
});
