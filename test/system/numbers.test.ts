import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { CRIT } from '../programs.js';
import { test } from '../root.js';
import { Subject } from './round-trip.js';

/** A parent with 700 files; children that share them, have other files at some of the numbers, or lack some; epolls. */
const PROGRAM = `
import os, select, fcntl, signal, time
for fd in range(3, 700):
    f = os.open("/proc/self/status" if fd % 50 == 0 else "/dev/null", os.O_RDONLY)
    if f != fd: os.dup2(f, fd); os.close(f)
    if fd % 3: os.set_inheritable(fd, True)
for fd in range(3, 700, 50): os.dup2(fd + 1, fd)      # two numbers, one file
r, w = os.pipe()
os.dup2(r, 20); os.dup2(w, 21); os.close(r); os.close(w)
ep = select.epoll()
os.dup2(20, 31)
ep.register(20, 1)
ep.register(31, 4)                                     # its number is another file's later
os.dup2(ep.fileno(), 30)
null = os.open("/dev/zero", os.O_RDONLY)
os.dup2(null, 31)
if os.fork() == 0:
    for fd in range(100, 600): os.close(fd)
    os.dup2(21, 300)
    os.dup2(null, 20)                                  # the epoll's number, another file here
    if os.fork() == 0:
        os.closerange(3, 10000)
        os.open("/dev/full", os.O_RDONLY)
        os.mkdir("grandchild")
    else: os.mkdir("child")
    time.sleep(1000)
while not (os.path.exists("child") and os.path.exists("grandchild")): time.sleep(0.01)
print("ready", flush=True)
time.sleep(1000)
`;

/** What descriptors are of each process: number, file, position, flags, what an epoll watches. */
const descriptors = (pids: readonly number[]) =>
  pids.map((pid) =>
    readdirSync(`/proc/${pid}/fd`).map((fd) => [
      fd,
      readlinkSync(`/proc/${pid}/fd/${fd}`).replace(/\[\d+\]/, ''),
      readFileSync(`/proc/${pid}/fdinfo/${fd}`, 'utf8')
        .replace(/^(mnt_id|ino):.*\n/gm, '')
        .replace(/ino:\S+ sdev:\S+/g, ''),
    ]),
  );

test('a tree with almost as many descriptors as the limit allows comes back', async () => {
  await using subject = new Subject('prlimit', ['--nofile=740:740', 'python3', '-c', PROGRAM]);
  await subject.says('ready');
  const pids = subject.tree();
  assert.equal(pids.length, 3);
  const before = descriptors(pids);
  await subject.dump();
  const { status, stderr } = spawnSync(
    'setpriv',
    [
      '--bounding-set=-sys_resource',
      '--inh-caps=-sys_resource',
      'prlimit',
      '--nofile=740:740',
      CRIT,
      'restore',
      '-d',
      '-D',
      subject.images,
    ],
    { encoding: 'utf8', env: { PATH: process.env['PATH'] } },
  );
  assert.equal(status, 0, stderr);
  assert.deepEqual(descriptors(pids), before);
  subject.passed();
});
