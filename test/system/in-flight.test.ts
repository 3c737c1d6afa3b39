import assert from 'node:assert/strict';
import { closeSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { SO_PEEK_OFF, SOL_SOCKET } from '../../src/kernel/uapi/socket.js';
import { sysRaw } from '../../src/native/sys.js';
import { openPidfd, takeFd } from '../../src/task/descriptors.js';
import { program } from '../programs.js';
import { test } from '../root.js';
import { isTraced, killInTheStop } from './kills.js';
import { comes, comesBackTwice, crit, sleeps, Subject, verdict } from './round-trip.js';

/** How many instants of a stop crit is killed at: each takes a second. CRIT_KILLS asks for more. */
const INSTANTS = Math.ceil(Number(process.env['CRIT_KILLS'] ?? 60) / 6);
/** All kinds of descriptors, and more messages than are looked at at a time. */
const PROGRAMS = ['in-flight', 'in-flight-many'];

/** Its descriptors and what they refer to; of sockets how much is in flight, and from where peeking starts. */
function descriptorsOf(pid: number): string[] {
  const pidfd = openPidfd(pid);
  try {
    return readdirSync(`/proc/${pid}/fd`).map((fd) => {
      const own = takeFd(pidfd, Number(fd));
      const value = Int32Array.of(0);
      const answer = sysRaw('getsockopt', own, SOL_SOCKET, SO_PEEK_OFF, value, Uint32Array.of(4));
      closeSync(own);
      const inFlight = /scm_fds:.*/.exec(readFileSync(`/proc/${pid}/fdinfo/${fd}`, 'latin1'))?.[0] ?? '';
      return `${fd} ${readlinkSync(`/proc/${pid}/fd/${fd}`)} ${inFlight} ${answer < 0 ? '' : value[0]}`;
    });
  } finally {
    closeSync(pidfd);
  }
}

test('descriptors in flight come back with the messages that carry them', async () => {
  await using subject = new Subject(program('in-flight'), ['empty']);
  await subject.says('ready');
  await subject.dump();
  subject.restore();
  assert.equal(await verdict(subject), 'ok\n');
  subject.passed();
});

for (const name of PROGRAMS)
  test(`${name}: what was restored is dumped and restored again`, async () => {
    await using subject = new Subject(program(name), []);
    await comesBackTwice(subject);
  });

for (const name of PROGRAMS)
  test(`${name}: a dump takes nothing out of a queue and leaves no descriptor behind`, async () => {
    await using subject = new Subject(program(name), []);
    await subject.says('ready');
    const before = descriptorsOf(subject.pid);
    for (let i = 0; i < 3; i++) {
      await subject.dump('-R');
      assert.deepEqual(descriptorsOf(subject.pid), before);
    }
    assert.equal(await verdict(subject), 'ok\n');
    subject.passed();
  });

for (const name of PROGRAMS)
  test(`${name}: descriptors stay where they are when crit is killed, at ${INSTANTS} instants of the stop`, async () => {
    await using subject = new Subject(program(name), []);
    await subject.says('ready');
    const before = descriptorsOf(subject.pid);
    await killInTheStop(subject, { tries: INSTANTS, hits: Math.ceil(INSTANTS / 4) }, async (atMs) => {
      await comes(() => !isTraced(subject.pid) && isDeepStrictEqual(descriptorsOf(subject.pid), before));
      assert.deepEqual(descriptorsOf(subject.pid), before, `killed ${atMs.toFixed(2)} ms into the stop`);
    });
    assert.equal(await verdict(subject), 'ok\n');
    subject.passed();
  });

test("an epoll in flight comes back by the numbers of one table, as CRIU's images have it", async () => {
  await using subject = new Subject('python3', [
    '-u',
    '-c',
    `
import os, select, signal, socket
a, b = socket.socketpair()
r, w = os.pipe()
epoll = select.epoll()
epoll.register(r, select.EPOLLIN)
socket.send_fds(a, [b'x'], [epoll.fileno()])
epoll.close()
def verdict(*_):
    _, (fd,), _, _ = socket.recv_fds(b, 1, 1)
    epoll = select.epoll.fromfd(fd)
    before = epoll.poll(0)
    os.write(w, b'y')
    after = epoll.poll(0)
    print('ok' if (before, after) == ([], [(r, select.EPOLLIN)]) else f'FAIL {before} {after}')
    os._exit(0)
signal.signal(signal.SIGUSR1, verdict)
# a table in which the number is another file's
if os.fork() == 0:
    os.dup2(os.open('/dev/null', os.O_RDONLY), r)
    while True: signal.pause()
print('ready')
while True: signal.pause()
`,
  ]);
  await subject.says('ready');
  for (const pid of subject.tree()) await sleeps(pid);
  await subject.dump();
  const files = path.join(subject.images, 'files.img');
  const bare = crit('show', files).stdout.replace(/,\s*"target_id": \d+/g, '');
  assert.match(bare, /"tfd"/);
  writeFileSync(path.join(subject.dir, 'files.json'), bare);
  const { status, stderr } = crit('encode', '-i', path.join(subject.dir, 'files.json'), '-o', files);
  assert.equal(status, 0, stderr);
  subject.restore();
  assert.equal(await verdict(subject), 'ok\n');
  subject.passed();
});

test('what cannot be carried in flight is refused by name', async () => {
  await using subject = new Subject('python3', [
    '-c',
    `import os, socket, time
a, b = socket.socketpair()
socket.send_fds(a, [b'x'], [os.open('/proc/self/status', os.O_RDONLY)])
os.close(5)
print('ready', flush=True)
time.sleep(1000)`,
  ]);
  await subject.says('ready');
  const { status, stderr } = crit('dump', '-t', String(subject.pid), '-D', subject.images);
  assert.equal(status, 1);
  assert.match(
    stderr,
    /process \d+, descriptor 4, in flight in its queue \(\/proc\/\d+\/status\): a file of a process/,
  );
  subject.passed();
});
