import assert from 'node:assert/strict';
import { readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { ImageDir } from '../../src/encode/image-dir.js';
import { NAMESPACES } from '../../src/image/namespaces.js';
import { readChildren } from '../../src/kernel/proc/tasks.js';
import { test } from '../root.js';
import { crit, Subject } from './round-trip.js';

/** Makes System V and POSIX objects without a library. */
const PYTHON = `
import ctypes, os, sys, time
libc = ctypes.CDLL(None, use_errno=True)
def call(name, *args):
    r = getattr(libc, name)(*args)
    if r < 0: sys.exit(name + ': ' + os.strerror(ctypes.get_errno()))
    return r
`;
const SAY = `
print("ready", flush=True)
time.sleep(1000)
`;

const inNamespace = (script: string) => ['--ipc', 'python3', '-c', PYTHON + script + SAY] as const;
const dump = (subject: Subject, ...more: string[]) =>
  crit('dump', '-t', String(subject.pid), '-D', subject.images, ...more);

test('an IPC namespace that others are in, too, is not dumped', async () => {
  // the shell is in it, and is not dumped
  await using subject = new Subject('unshare', ['--ipc', '/bin/sh', '-c', 'sleep 1000 & echo ready; wait']);
  await subject.says('ready');
  const [child] = readChildren(subject.pid);
  const { status, stderr } = crit('dump', '-t', String(child), '-D', subject.images, '-j');
  assert.equal(status, 1);
  assert.match(stderr, new RegExp(`process ${subject.pid}, which is outside of the tree, is in it too`));
  subject.passed();
});

test('POSIX message queues of an IPC namespace are refused by name', async () => {
  await using subject = new Subject(
    'unshare',
    inNamespace(`fd = call("mq_open", b"/letters", 0o102, 0o600, None)\nos.close(fd)`),
  );
  await subject.says('ready');
  for (const more of [[], ['--dry-run']]) {
    const { status, stderr, stdout } = dump(subject, ...more);
    assert.equal(status, 1);
    assert.match(stderr + stdout, /has POSIX message queues \(letters\): they are not supported yet/);
  }
  subject.passed();
});

test('operations with SEM_UNDO are warned of', async () => {
  await using subject = new Subject(
    'unshare',
    inNamespace(`
semid = call("semget", 1, 1, 0o1600)
call("semop", semid, ctypes.create_string_buffer(b"\\0\\0\\1\\0\\0\\0", 6), 1)`),
  );
  await subject.says('ready');
  const none = dump(subject, '-R');
  assert.equal(none.status, 0, none.stderr);
  assert.doesNotMatch(none.stderr, /SEM_UNDO/);
  await using other = new Subject('unshare', [
    ...inNamespace(`
semid = call("semget", 1, 1, 0o1600)
call("semop", semid, ctypes.create_string_buffer(b"\\0\\0\\1\\0\\0\\x10", 6), 1)`),
  ]);
  await other.says('ready');
  const some = dump(other, '-R');
  assert.equal(some.status, 0, some.stderr);
  assert.match(some.stderr, new RegExp(`process ${other.pid} may have operated on System V semaphores with SEM_UNDO`));
  subject.passed();
  other.passed();
});

test('a restore whose limits cannot be set leaves nothing, and the machine its IPC objects', async () => {
  await using subject = new Subject('unshare', inNamespace('call("msgget", 77, 0o1600)'));
  await subject.says('ready');
  await subject.dump();
  const images = new ImageDir(subject.images);
  const file = images.file('IPC_VAR', NAMESPACES.ipc.own);
  const before = readFileSync('/proc/sysvipc/msg', 'latin1');
  const json = crit('decode', '-i', file).stdout;
  const changed = json.replace(/"msg_ctlmnb": \d+/, '"msg_ctlmnb": 4294967295');
  assert.notEqual(changed, json);
  const text = path.join(subject.dir, 'var.json');
  writeFileSync(text, changed);
  assert.equal(crit('encode', '-i', text, '-o', file).status, 0);
  const { status, stderr } = crit('restore', '-d', '-D', subject.images);
  assert.equal(status, 1);
  assert.match(stderr, /sysctl kernel\/msgmnb cannot be set to 4294967295/);
  assert.throws(() => readlinkSync(`/proc/${subject.pid}/exe`));
  assert.equal(readFileSync('/proc/sysvipc/msg', 'latin1'), before);
  subject.passed();
});

test('a POSIX message queue without a name is refused by name', async () => {
  await using subject = new Subject('python3', [
    '-c',
    `${PYTHON}
name = b"/crit-test-%d" % os.getpid()
call("mq_open", name, 0o102, 0o600, None)
call("mq_unlink", name)
${SAY}`,
  ]);
  await subject.says('ready');
  const { status, stderr } = dump(subject);
  assert.equal(status, 1);
  assert.match(stderr, /a POSIX message queue whose name is gone/);
  subject.passed();
});

test('a mapped segment of another IPC namespace is not taken for one of the tree', async () => {
  await using subject = new Subject('python3', [
    '-c',
    `${PYTHON}
libc.shmat.restype = ctypes.c_void_p
old = call("shmget", 0, 4096, 0o1600)
libc.shmat(old, None, 0)
call("shmctl", old, 0, None)
call("unshare", 0x08000000)
with open("/proc/sys/kernel/shm_next_id", "w") as f: f.write(str(old))
if call("shmget", 0, 4096, 0o1600) != old: sys.exit("the id")
${SAY}`,
  ]);
  await subject.says('ready');
  const { status, stderr } = dump(subject);
  assert.equal(status, 1);
  assert.match(stderr, /is mapped that is not in the tree's IPC namespace/);
  subject.passed();
});
