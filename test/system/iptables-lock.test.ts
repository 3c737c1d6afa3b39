import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { moveToOwnNetwork } from '../own-network.js';
import { before, NEEDS_ROOT, test } from '../root.js';
import { sleep, Subject, verdict } from './round-trip.js';

before(() => {
  if (NEEDS_ROOT === false) moveToOwnNetwork();
});

const listed = () => spawnSync('iptables-save', ['-t', 'filter'], { encoding: 'utf8' });
const rules = () => listed().stdout.match(/-j DROP/g)?.length ?? 0;
const skip = listed().error ? 'iptables-save is not there' : false;
const OPTIONS = ['--tcp-established', '--network-lock', 'iptables'];

async function unlocked(): Promise<void> {
  for (let i = 0; i < 500 && rules() > 0; i++) await sleep(20);
  assert.equal(rules(), 0, listed().stdout);
}

test(
  'rules of iptables keep segments from connections until they are restored, and go when crit is killed',
  { skip },
  async () => {
    await using subject = await Subject.ready('tcp-outside');
    const kill = path.join(subject.dir, 'kill');
    writeFileSync(kill, '#!/bin/sh\n[ "$CRTOOLS_SCRIPT_ACTION" != post-dump ] || kill -KILL $PPID\n');
    chmodSync(kill, 0o755);
    assert.equal(subject.tryDump(...OPTIONS, '--action-script', kill).status, null);
    await unlocked();
    await subject.dump('-R', ...OPTIONS);
    assert.equal(rules(), 0);
    await subject.dump(...OPTIONS);
    assert.equal(rules(), 2);
    subject.restore('--tcp-established');
    assert.equal(rules(), 0);
    assert.equal(await verdict(subject), 'ok\n');
    subject.passed();
  },
);
