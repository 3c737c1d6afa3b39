import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { readStat } from '../../src/kernel/proc/stat-file.js';
import { PF_KTHREAD } from '../../src/kernel/uapi/sched.js';
import { CRIT, program } from '../programs.js';
import { test } from '../root.js';
import { isTraced } from './kills.js';
import { comes, crit, gone, sleep, Subject, type Done } from './round-trip.js';

const COUNTER = ['-u', '-c', 'import time\ni = 0\nwhile True:\n    i += 1\n    print(i)\n    time.sleep(0.01)'];

/** Everything of a process that a failed dump must leave alone. */
function stateOf(pid: number) {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return {
    maps: readFileSync(`/proc/${pid}/maps`, 'utf8'),
    fds: readdirSync(`/proc/${pid}/fd`).map((fd) => `${fd} ${readlinkSync(`/proc/${pid}/fd/${fd}`)}`),
    masks: /SigBlk:\s*(\w+)/.exec(status)![1],
    threads: readdirSync(`/proc/${pid}/task`),
  };
}

/** One line on stderr that matches, exit status 1. */
function refused(done: Done, message: RegExp): void {
  assert.equal(done.status, 1, done.stdout + done.stderr);
  assert.match(done.stderr, message);
}

/** A dump that fails leaves the process as it was, and no set of images that looks complete. */
async function dumpFails(subject: Subject, message: RegExp, ...options: string[]): Promise<void> {
  await sleep(100);
  const before = stateOf(subject.pid);
  refused(crit('dump', '-t', String(subject.pid), '-D', subject.images, '-o', 'dump.log', ...options), message);
  assert.deepEqual(stateOf(subject.pid), before);
  assert.match(readFileSync(`/proc/${subject.pid}/status`, 'utf8'), /State:\s+[RSD][\s\S]*TracerPid:\s+0/);
  assert.ok(!existsSync(path.join(subject.images, 'inventory.img')));
  subject.passed();
}

test('a wrong pid is refused', () => {
  using dir = new Scratch();
  refused(crit('dump', '-t', '4194303', '-D', dir.path), /4194303/);
});

test("crit's own shell is refused", () => {
  using dir = new Scratch();
  refused(crit('dump', '-t', String(process.pid), '-D', dir.path), /inside the tree|crit itself/);
});

test(
  'a kernel thread is refused',
  {
    skip:
      existsSync('/proc/2/stat') && (readStat(2).flags & PF_KTHREAD) !== 0 ? false : 'no kernel threads to see here',
  },
  () => {
    using dir = new Scratch();
    refused(crit('dump', '-t', '2', '-D', dir.path), /kernel/);
  },
);

test('a missing image directory is named', async () => {
  await using subject = new Subject('python3', COUNTER);
  await subject.saysMore();
  refused(crit('dump', '-t', String(subject.pid), '-D', path.join(subject.dir, 'nowhere')), /nowhere/);
  await subject.saysMore();
  subject.passed();
});

test(
  'a task that another tracer holds is refused, and the tracer is named',
  { skip: spawnSync('which', ['gdb']).status === 0 ? false : 'no gdb here' },
  async () => {
    await using subject = new Subject('python3', COUNTER);
    await subject.saysMore();
    const enough = path.join(subject.dir, 'enough');
    const hold = `shell for i in $(seq 1200); do [ -e ${enough} ] && break; sleep 0.05; done`;
    const gdb = spawn('gdb', ['-q', '-batch', '-p', String(subject.pid), '-ex', hold], { stdio: 'ignore' });
    const ended = new Promise((resolve) => gdb.once('exit', resolve));
    await comes(() => isTraced(subject.pid));
    refused(crit('dump', '-t', String(subject.pid), '-D', subject.images), new RegExp(`traced by process ${gdb.pid}`));
    writeFileSync(enough, '');
    await ended;
    await subject.saysMore();
    subject.passed();
  },
);

const UNSUPPORTED: readonly { name: string; program: string; message: RegExp }[] = [
  {
    name: 'a vsock socket',
    program: 's = socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM, 0)',
    message: /descriptor \d+.*vsock socket/i,
  },
  {
    name: 'a netlink socket with messages that nobody has read',
    program:
      's = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0); s.send(bytes.fromhex("1100000012000103") + bytes(9))',
    message: /descriptor \d+.*a netlink socket with messages that nobody has read/,
  },
  {
    name: 'a fanotify group that is asked for permission',
    program:
      'l = ctypes.CDLL(None); open("asked", "w").close(); l.fanotify_mark(l.fanotify_init(4, 0), 1, ctypes.c_uint64(0x10000), -100, b"asked")',
    message: /descriptor \d+.*a fanotify group that is asked for permission/,
  },
  {
    name: 'a fanotify group with events',
    program:
      'l = ctypes.CDLL(None); open("seen", "w").close(); l.fanotify_mark(l.fanotify_init(0, 0), 1, ctypes.c_uint64(0x20), -100, b"seen"); open("seen").close()',
    message: /descriptor \d+.*a fanotify group with events that nobody has read/,
  },
  {
    name: 'a unix socket with a connection that waits',
    program:
      's = socket.socket(socket.AF_UNIX); s.bind("\\0crit-test-%d" % os.getpid()); s.listen(); c = socket.socket(socket.AF_UNIX); c.connect(s.getsockname()); c.send(b"before")',
    message: /descriptor \d+.*unix/i,
  },
  { name: 'a file lock', program: 'f = open("lock", "w"); fcntl.flock(f, fcntl.LOCK_EX)', message: /lock/i },
  {
    name: 'a pidfd of a process outside',
    program: 'p = os.pidfd_open(1)',
    message: /descriptor \d+.*a pidfd of process 1, outside the tree/,
  },
];
for (const { name, program, message } of UNSUPPORTED)
  test(`a process with ${name} is refused by name and runs on`, async () => {
    await using subject = new Subject('python3', [
      '-u',
      '-c',
      `import socket, os, fcntl, ctypes, time\n${program}\nprint("ready")\nwhile True: time.sleep(0.01)`,
    ]);
    await subject.says('ready');
    await dumpFails(subject, message);
  });

const unshareIn = (where: string) => `
import ctypes, threading, time
def apart():
    assert ctypes.CDLL(None, use_errno=True).unshare(FLAG) == 0, 'unshare'
    while True: time.sleep(1)
${where}
i = 0
while True:
    i += 1
    print(i)
    time.sleep(0.01)`;

test("a namespace of a thread's own, or for children to come, is refused by name", async () => {
  for (const [flag, where, message] of [
    ['0x40000000', 'threading.Thread(target=apart, daemon=True).start()', /thread \d+ of process \d+ is in a network/],
    ['0x80', 'ctypes.CDLL(None).unshare(FLAG)', /process \d+ has a time namespace for its children/],
  ] as const) {
    await using subject = new Subject('python3', ['-u', '-c', unshareIn(where).replaceAll('FLAG', flag)]);
    await subject.saysMore();
    await dumpFails(subject, message);
    await subject.saysMore();
    subject.passed();
  }
});

test('a namespace of its own is refused by name', async () => {
  await using subject = new Subject('unshare', ['--cgroup', 'sleep', '1000']);
  await dumpFails(subject, /cgroup namespace/);
});

test('a full disk leaves the process running and no image behind', async () => {
  await using subject = new Subject('python3', [
    '-u',
    '-c',
    'import time\nx = b"x" * (16 << 20)\nprint("ready")\nwhile True: time.sleep(0.01)',
  ]);
  await subject.says('ready');
  assert.equal(spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'none', subject.images]).status, 0);
  try {
    const before = stateOf(subject.pid);
    for (const options of [[], ['-R']]) {
      refused(
        crit('dump', '-t', String(subject.pid), '-D', subject.images, '-o', '/dev/null', ...options),
        /ENOSPC|no space/i,
      );
      assert.deepEqual(stateOf(subject.pid), before);
      assert.deepEqual(
        readdirSync(subject.images).filter((name) => name.endsWith('.img')),
        [],
      );
    }
  } finally {
    spawnSync('umount', [subject.images]);
  }
  assert.match(readFileSync(`/proc/${subject.pid}/status`, 'utf8'), /TracerPid:\s+0/);
  subject.passed();
});

test('a disk that is full in the middle of a tree leaves every process running as it was', async () => {
  // so many children of 1 MiB that they write their pages themselves, side by side
  await using subject = new Subject(program('heartbeat'), ['1', '0', '0', '40']);
  await subject.says('ready');
  const { pid } = subject;
  const children = () =>
    readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean).map(Number);
  const family = [pid, ...children()];
  assert.equal(family.length, 41);
  assert.equal(spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=20m', 'none', subject.images]).status, 0);
  try {
    const before = family.map(stateOf);
    for (const options of [[], ['-R']]) {
      refused(
        crit('dump', '-t', String(pid), '-D', subject.images, '-o', '/dev/null', ...options),
        /pages-\d+\.img: cannot be written: no space left on the device/,
      );
      assert.deepEqual(family.map(stateOf), before);
      assert.deepEqual(
        readdirSync(subject.images).filter((name) => name.endsWith('.img')),
        [],
      );
    }
  } finally {
    spawnSync('umount', [subject.images]);
  }
  for (const member of family)
    assert.match(readFileSync(`/proc/${member}/status`, 'utf8'), /State:\s+[RSD][\s\S]*TracerPid:\s+0/);
  assert.deepEqual(children(), family.slice(1));
  subject.passed();
});

/** Mounts a file system that has room, whose disk says I/O error at the first write: a loop device on a file that cannot grow. */
function mountFailing(dir: string, backing: string): Disposable {
  // one command a line: set -e does not look into a list of && or ||
  const script = [
    'mkdir -p "$2"',
    'mount -t tmpfs -o size=12m none "$2"',
    'truncate -s 64m "$2/disk"',
    'mkfs.ext2 -q -m 0 "$2/disk"',
    'mount -o loop,sync "$2/disk" "$1"',
    // the directory that a dump makes its images in, as one that was killed leaves it: no block is needed for it any more
    'mkdir -m 700 "$1/.crit-dump"',
    'if dd if=/dev/zero of="$2/fill" bs=1M count=16 2>/dev/null; then exit 1; fi',
  ];
  const done = spawnSync('bash', ['-ec', script.join('\n'), 'mount', dir, backing], { encoding: 'utf8' });
  assert.equal(done.status, 0, done.stderr);
  return {
    [Symbol.dispose]: () => {
      assert.equal(spawnSync('umount', [dir]).status, 0);
      // a mount namespace that was made meanwhile, beside this test, has the file system, and the device its file, until it ends
      assert.equal(spawnSync('umount', ['-l', backing]).status, 0);
    },
  };
}

test(
  'an I/O error leaves the process running and no set behind',
  { skip: existsSync('/dev/loop-control') ? false : 'no loop devices here' },
  async () => {
    await using large = new Subject('python3', [
      '-u',
      '-c',
      'import time\nx = b"x" * (16 << 20)\nprint("ready")\nwhile True: time.sleep(0.01)',
    ]);
    await large.says('ready');
    await using small = new Subject('sleep', ['1000']);
    for (const subject of [large, small]) {
      const before = stateOf(subject.pid);
      for (const options of [[], ['-R']]) {
        using _ = mountFailing(subject.images, path.join(subject.dir, 'backing'));
        refused(
          crit('dump', '-t', String(subject.pid), '-D', subject.images, '-o', '/dev/null', ...options),
          // by how much of its request the disk could do
          /pages-1\.img: cannot be written: (input.output error|no space left on the device)/,
        );
        assert.deepEqual(stateOf(subject.pid), before);
        assert.deepEqual(
          readdirSync(subject.images).filter((name) => name.endsWith('.img')),
          [],
        );
      }
      assert.match(readFileSync(`/proc/${subject.pid}/status`, 'utf8'), /TracerPid:\s+0/);
      subject.passed();
    }
  },
);

class Scratch implements Disposable {
  readonly path = `${process.env['TMPDIR'] ?? '/tmp'}/crit-scratch-${process.pid}-${Math.random().toString(36).slice(2)}`;
  constructor() {
    mkdirSync(this.path);
  }
  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}

/** Contents of a directory, to see that nothing touched it. */
function contents(dir: string): Record<string, string> {
  return Object.fromEntries(
    readdirSync(dir)
      .filter((name) => name.endsWith('.img'))
      .map((name) => [name, readFileSync(path.join(dir, name)).toString('base64')]),
  );
}

/** A restore that fails says so in one line, leaves no task and the images as they are; undone, it works. */
async function restoreFails(spoil: (subject: Subject) => (() => void) | undefined, message: RegExp): Promise<void> {
  await using subject = new Subject('python3', [
    ...COUNTER.slice(0, 2),
    `open("data", "w").write("x" * 100)\nf = open("data")\n${COUNTER[2]}`,
  ]);
  await subject.saysMore();
  await subject.dump();
  const mend = spoil(subject);
  const before = contents(subject.images);
  const processes = () => readdirSync('/proc').filter((name) => name === String(subject.pid));
  const mine = processes();
  refused(crit('restore', '-d', '-D', subject.images, '-o', 'restore.log'), message);
  assert.deepEqual(processes(), mine);
  assert.deepEqual(contents(subject.images), before);
  if (mend) {
    mend();
    subject.restore();
    await subject.saysMore();
  }
  subject.passed();
}

test('a restore into an empty directory says what is missing', () => {
  using dir = new Scratch();
  refused(crit('restore', '-d', '-D', dir.path), /inventory\.img/);
});

test('a torn set is recognised', () =>
  restoreFails((subject) => {
    rmSync(path.join(subject.images, 'inventory.img'));
    return undefined;
  }, /torn/));

test('a file that is missing is named', () =>
  restoreFails((subject) => {
    const data = path.join(subject.dir, 'data');
    renameSync(data, `${data}.away`);
    return () => {
      renameSync(`${data}.away`, data);
    };
  }, /data/));

test('a file whose size has changed is named', () =>
  restoreFails((subject) => {
    const data = path.join(subject.dir, 'data');
    truncateSync(data, 50);
    return () => {
      writeFileSync(data, 'x'.repeat(100));
    };
  }, /data.*(size|bytes)|(size|bytes).*data/));

test('a missing image is named', () =>
  restoreFails((subject) => {
    rmSync(path.join(subject.images, `mm-${subject.pid}.img`));
    return undefined;
  }, /mm-\d+\.img/));

test('a truncated pages image is named', () =>
  restoreFails((subject) => {
    truncateSync(path.join(subject.images, 'pages-1.img'), 4096);
    return undefined;
  }, /pages-1\.img/));

test('a pid that is in use is named with its holder', async () => {
  await using subject = new Subject('python3', COUNTER);
  await subject.saysMore();
  await subject.dump('-R');
  refused(
    crit('restore', '-d', '-D', subject.images, '-o', 'restore.log'),
    new RegExp(`pid ${subject.pid} is in use by python3`),
  );
  await subject.saysMore();
  subject.passed();
});

const HOSTILE: readonly { name: string; image: RegExp; change: (json: string) => string }[] = [
  {
    name: 'a mapping beyond user space',
    image: /^mm-/,
    change: (json) => json.replace(/"end": "0x7f[0-9a-f]+"/, '"end": "0xffff7fffffff0000"'),
  },
  {
    name: 'a mapping that is not page aligned',
    image: /^mm-/,
    change: (json) => json.replace(/"start": "(0x[0-9a-f]+)000"/, '"start": "$1001"'),
  },
  {
    name: 'a file id that does not exist',
    image: /^mm-/,
    change: (json) => json.replace(/"exe_file_id": \d+/, '"exe_file_id": 999999'),
  },
  {
    name: 'a pagemap that claims more pages than there are',
    image: /^pagemap-/,
    change: (json) => json.replace(/"nr_pages": \d+/, '"nr_pages": 99999999'),
  },
  { name: 'a parent that does not exist', image: /^pstree/, change: (json) => json.replace(/"ppid": 0/, '"ppid": 77') },
  {
    name: 'a task without its leader thread',
    image: /^pstree/,
    change: (json) => json.replace(/"threads": \[\s*\d+/, '"threads": [\n 1'),
  },
];
for (const { name, image, change } of HOSTILE)
  test(`hostile images are refused: ${name}`, () =>
    restoreFails((subject) => {
      const file = path.join(
        subject.images,
        readdirSync(subject.images).find((entry) => image.test(entry))!,
      );
      const { stdout } = crit('show', file);
      const changed = change(stdout);
      assert.notEqual(changed, stdout);
      const json = path.join(subject.dir, 'x.json');
      writeFileSync(json, changed);
      assert.equal(crit('encode', '-i', json, '-o', file).status, 0);
      return undefined;
    }, /\S/));

test('statistics that cannot be printed do not make a finished run a failed one', async () => {
  await using subject = new Subject('python3', COUNTER);
  await subject.saysMore();
  for (const command of [`dump -t ${subject.pid}`, 'restore -d']) {
    const line = `exec "$0" ${command} -D "$1" -o log --display-stats > /dev/full`;
    const { status, stderr } = spawnSync('sh', ['-c', line, CRIT, subject.images], { encoding: 'utf8' });
    assert.equal(status, 0, stderr);
    assert.match(stderr, /statistics cannot be written/);
    if (command !== 'restore -d') await gone(subject.pid);
  }
  await subject.saysMore();
  subject.passed();
});

test('zombies that are waited for as soon as the tree runs again are no failure', async () => {
  const reaper =
    'import os\nwhile True:\n    pid = os.fork()\n    pid or os._exit(0)\n    os.waitpid(pid, 0)\n    print(1)';
  await using subject = new Subject('python3', ['-u', '-c', reaper]);
  await subject.saysMore();
  for (let i = 0; i < 10; i++) await subject.dump('-R');
  subject.passed();
});

test('a pidfile is made, for the user alone, and never written over', async () => {
  await using subject = new Subject('python3', COUNTER);
  await subject.saysMore();
  await subject.dump();
  const pidfile = path.join(subject.dir, 'pid');
  symlinkSync(path.join(subject.dir, 'nowhere'), pidfile);
  refused(crit('restore', '-d', '-D', subject.images, '-o', 'log', '--pidfile', pidfile), /pidfile .* exists already/);
  rmSync(pidfile);
  refused(crit('restore', '-d', '-D', subject.images, '-o', 'log', '--pidfile', '/no/where'), /pidfile .* \/no/);
  subject.restore('--pidfile', pidfile);
  assert.equal(readFileSync(pidfile, 'utf8'), String(subject.pid));
  assert.equal(statSync(pidfile).mode & 0o777, 0o600);
  await subject.saysMore();
  subject.passed();
});
