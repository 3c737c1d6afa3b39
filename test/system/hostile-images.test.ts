import assert from 'node:assert/strict';
import { cpSync, linkSync, mkdirSync, readdirSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { decodeImage, encodeImage } from '../../src/index.js';
import { after, test } from '../root.js';
import { crit, Subject } from './round-trip.js';

let subject: Subject | undefined;
let count = 0;

/** A copy of the set of a process that was dumped once for all tests, changed. */
async function changed(change: (dir: string, pid: number) => void): Promise<string> {
  if (!subject) {
    subject = new Subject('python3', [
      '-c',
      'import os,time,mmap; m=mmap.mmap(-1,8192); m[0:4]=b"data"; k=open("kept","w"); f=open("gone","w+b"); f.write(b"x"*20000); f.flush(); os.unlink("gone"); print("ready",flush=True); time.sleep(1000)',
    ]);
    await subject.says('ready');
    await subject.dump();
  }
  const dir = path.join(subject.dir, `set-${++count}`);
  cpSync(subject.images, dir, { recursive: true });
  change(dir, subject.pid);
  return dir;
}

after(async () => {
  subject?.passed();
  await subject?.[Symbol.asyncDispose]();
});

interface Entry {
  message: Record<string, unknown>;
}

function edit(file: string, change: (entries: Entry[]) => void): void {
  const image = decodeImage(file);
  change(image.entries as unknown as Entry[]);
  writeFileSync(file, encodeImage(image));
}

/** Gives a process a name that is too long, in both of its places. */
function rename(core: string): void {
  edit(core, ([entry]) => {
    for (const place of ['tc', 'thread_core'])
      Object.assign(entry!.message[place] as object, { comm: 'averyveryverylongname' });
  });
}

const HOSTILE: readonly { name: string; change: (dir: string, pid: number) => void; message: RegExp }[] = [
  {
    name: 'an inventory that is a link to a file of the kernel',
    change: (dir) => {
      unlinkSync(path.join(dir, 'inventory.img'));
      symlinkSync('/proc/kmsg', path.join(dir, 'inventory.img'));
    },
    message: /inventory\.img: a file of the pseudo file system procfs/,
  },
  {
    name: 'pages that are a link to a device',
    change: (dir) => {
      unlinkSync(path.join(dir, 'pages-1.img'));
      symlinkSync('/dev/zero', path.join(dir, 'pages-1.img'));
    },
    message: /pages-1\.img: a character device/,
  },
  {
    name: 'a version that is not known',
    change: (dir) => {
      edit(path.join(dir, 'inventory.img'), ([entry]) => Object.assign(entry!.message, { img_version: 99 }));
    },
    message: /inventory\.img: img_version: 99/,
  },
  {
    name: 'one thread many times',
    change: (dir, pid) => {
      edit(path.join(dir, 'pstree.img'), ([entry]) =>
        Object.assign(entry!.message, { threads: new Array(20_000).fill(pid) }),
      );
    },
    message: /pstree\.img: entries\[0\]\.threads: \d+ is there twice/,
  },
  {
    name: 'a task that is its own parent',
    change: (dir, pid) => {
      edit(path.join(dir, 'pstree.img'), (entries) => {
        entries.push({ message: { ...entries[0]!.message, pid: 2, ppid: 2, threads: [2] } });
      });
      linkSync(path.join(dir, `core-${pid}.img`), path.join(dir, 'core-2.img'));
    },
    message: /pstree\.img: task 2 is its own parent/,
  },
  {
    name: 'a deleted file of 2^60 bytes',
    change: (dir) => {
      edit(path.join(dir, 'ghost-file-1.img'), ([entry]) => Object.assign(entry!.message, { size: 1n << 60n }));
    },
    message: /ghost-file-1\.img: entries\[0\]\.size/,
  },
  {
    name: '70,000 groups',
    change: (dir, pid) => {
      edit(path.join(dir, `core-${pid}.img`), ([entry]) => {
        const { creds } = entry!.message['thread_core'] as { creds: object };
        Object.assign(creds, { groups: Array.from({ length: 70_000 }, (_, i) => i) });
      });
    },
    message: /core-\d+\.img: thread_core\.creds\.groups: 70000 supplementary groups/,
  },
  {
    name: 'a name that is too long',
    change: (dir, pid) => {
      rename(path.join(dir, `core-${pid}.img`));
    },
    message: /core-\d+\.img: thread_core\.comm: "averyveryverylongname" has 21 bytes, 15 are the most/,
  },
  {
    name: 'a limit above its maximum',
    change: (dir, pid) => {
      edit(path.join(dir, `core-${pid}.img`), ([entry]) => {
        const { rlimits } = entry!.message['tc'] as { rlimits: { rlimits: { cur: bigint; max: bigint }[] } };
        rlimits.rlimits[7] = { cur: 500n, max: 456n };
      });
    },
    message: /RLIMIT_NOFILE\): cur is 500, more than max, 456/,
  },
  {
    name: 'shared memory whose pages are missing',
    change: (dir) => {
      const pagemap = readdirSync(dir).find((name) => name.startsWith('pagemap-shmem-'))!;
      edit(path.join(dir, pagemap), ([entry]) => Object.assign(entry!.message, { pages_id: 77 }));
    },
    message: /pagemap-shmem-\d+\.img names pages-77\.img, which is missing/,
  },
];

for (const { name, change, message } of HOSTILE)
  test(`${name}: refused before anything is started`, async () => {
    const dir = await changed(change);
    for (const how of [['--dry-run'], ['-d']]) {
      const done = crit('restore', '-D', dir, ...how);
      assert.equal(done.status, 1, done.stdout + done.stderr);
      assert.match(done.stderr, message);
      assert.doesNotMatch(done.stderr, /internal error/);
    }
    rmSync(dir, { recursive: true });
  });

test('a directory of links to images restores', async () => {
  const dir = await changed((set) => {
    mkdirSync(path.join(set, 'links'));
    for (const name of readdirSync(set))
      if (name.endsWith('.img')) symlinkSync(`../${name}`, path.join(set, 'links', name));
  });
  const done = crit('restore', '-d', '-D', path.join(dir, 'links'));
  assert.equal(done.status, 0, done.stderr);
});

test('all that is in the way is named at once, and what has the pid', async () => {
  const dir = await changed((set, pid) => {
    rename(path.join(set, `core-${pid}.img`));
    unlinkSync(path.join(path.dirname(set), 'kept'));
  });
  const { status, stderr } = crit('restore', '--dry-run', '-D', dir);
  assert.equal(status, 1);
  for (const part of [/has 21 bytes/, /kept is missing/, /pid \d+ is in use by python3/]) assert.match(stderr, part);
  const json = crit('restore', '--dry-run', '--json', '-D', dir);
  const result = JSON.parse(json.stdout) as { ok: boolean; code: string; obstacles: { code: string }[] };
  assert.equal(result.ok, false);
  assert.deepEqual(result.obstacles.map(({ code }) => code).sort(), ['BAD_IMAGE', 'MISSING_FILE', 'PID_IN_USE']);
});
