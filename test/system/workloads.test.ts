import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { CRIT, ROOT } from '../programs.js';
import { test } from '../root.js';

/**
 * Programs that hold one kind of kernel state each and verify it themselves after a restore. They are not part of this
 * project: WORKLOADS names their folder (with its run.sh), beside the checkout by default.
 */
const FOLDER = process.env['WORKLOADS'] ?? path.join(ROOT, '../shared/workloads');
const RUN = path.join(FOLDER, 'run.sh');
const skip = existsSync(RUN) ? false : `no workloads in ${FOLDER}`;
const CRIU = process.env['CRIU'];

const NAMES =
  `loop mem_anon mem_cow mem_file mem_lock mem_shared_tree mem_sparse mem_vmas memfd threads tree tree_orphan
stopped signals itimers posix_timers posix_timer_overrun timerfd timerfd_unread eventfd_64bit eventfd_semaphore
eventfd_signalfd epoll unix_pair unix_scm pipes pipe_packet fifo files dirs ghost link_remap cwd_deleted chroot exe exe_deleted
fds2000 shared_fds shared_fs fpu rseq rseq_libc rlimits creds creds_caps prctl oom_adj timerslack`.split(/\s+/);

/** What CRIU 4.2 itself loses or refuses. */
const CRIU_CANNOT = new Set(
  'tree_orphan posix_timer_overrun timerfd_unread eventfd_64bit eventfd_semaphore pipe_packet shared_fs creds timerslack'.split(
    ' ',
  ),
);

function run(name: string, ...options: string[]): void {
  const { status, stdout, stderr } = spawnSync(RUN, [name, ...options], { encoding: 'utf8', timeout: 120_000 });
  assert.equal(status, 0, stdout + stderr);
}

for (const name of NAMES)
  test(`${name} comes back as it was`, { skip }, () => {
    run(name, '--tool', CRIT);
  });

const interchange = skip || (CRIU ? false : 'the variable CRIU names no other tool');
for (const name of NAMES.filter((n) => !CRIU_CANNOT.has(n))) {
  test(`${name}: the other tool restores what crit dumped`, { skip: interchange }, () => {
    run(name, '--dump-tool', CRIT, '--restore-tool', CRIU!);
  });
  test(`${name}: crit restores what the other tool dumped`, { skip: interchange }, () => {
    run(name, '--dump-tool', CRIU!, '--restore-tool', CRIT);
  });
}
