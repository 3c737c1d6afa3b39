import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  closeSync,
  copyFileSync,
  existsSync,
  lchownSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmdirSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { decodeImage, encodeImage } from '../../src/index.js';
import { ERRNO } from '../../src/kernel/uapi/errno.js';
import { O_NONBLOCK } from '../../src/kernel/uapi/open-flags.js';
import { cString, sys, sysRaw } from '../../src/native/sys.js';
import { program } from '../programs.js';
import { test } from '../root.js';
import { crit, gone, sleep, Subject } from './round-trip.js';

const USER = 65534;
/** sys/inotify.h */
const IN_OPEN = 0x20;

/** A process of an ordinary user that has his file open, in his directory. */
async function dumpedUser(script: string): Promise<{ subject: Subject; file: string }> {
  const subject = new Subject('python3', [
    '-c',
    `import os,time; os.chmod(".",0o755); os.mkdir("u"); os.chown("u",${USER},${USER}); os.setgroups([]); os.setgid(${USER}); os.setuid(${USER}); f=open("u/f","w+"); f.write("0123456789"); f.flush(); os.chmod("u/f",0o640)\n${script}\nprint("ready",flush=True); time.sleep(1000)`,
  ]);
  await subject.says('ready');
  await subject.dump('--link-remap');
  return { subject, file: path.join(subject.dir, 'u/f') };
}

interface Entry {
  message: Record<string, unknown>;
}

function edit(file: string, change: (entries: Entry[]) => void): void {
  const image = decodeImage(file);
  change(image.entries as unknown as Entry[]);
  writeFileSync(file, encodeImage(image));
}

/** Takes away what CRIU's images do not have, and more where it is asked for. */
function strip(subject: Subject, ...fields: string[]): void {
  edit(path.join(subject.images, 'files.img'), (entries) => {
    for (const { message } of entries) {
      const reg = message['reg'] as Record<string, unknown> | undefined;
      for (const field of ['uid', 'gid', 'ino', 'dev', ...fields]) if (reg) Reflect.deleteProperty(reg, field);
    }
  });
}

/** Refused by plan and restore, soon, in one line. */
function refused(subject: Subject, message: RegExp): void {
  for (const how of ['--dry-run', '-d']) {
    const begun = Date.now();
    const done = crit('restore', how, '-D', subject.images);
    assert.equal(done.status, 1, done.stdout);
    assert.match(done.stderr + done.stdout, message);
    assert.ok(Date.now() - begun < 60_000);
  }
  assert.ok(!existsSync(`/proc/${subject.pid}`));
}

test('a user does not get a file of root’s by a symbolic link', async () => {
  const { subject, file } = await dumpedUser('');
  await using _ = subject;
  writeFileSync(path.join(subject.dir, 'secret'), 'secret-tex', { mode: 0o640 });
  unlinkSync(file);
  symlinkSync('../secret', file);
  lchownSync(file, USER, USER);
  refused(subject, /u\/f.*belongs to 0:0, when it was dumped it belonged to 65534:65534/);
  strip(subject); // CRIU's images do not tell the owner
  refused(subject, /is reached through .*u\/f, a symbolic link of user 65534/);
  subject.passed();
});

test('nor by a link in the place of his directory', async () => {
  const { subject, file } = await dumpedUser('');
  await using _ = subject;
  mkdirSync(path.join(subject.dir, 'roots'));
  writeFileSync(path.join(subject.dir, 'roots/f'), 'secret-tex', { mode: 0o640 });
  renameSync(path.dirname(file), path.join(subject.dir, 'aside'));
  symlinkSync('roots', path.dirname(file));
  lchownSync(path.dirname(file), USER, USER);
  strip(subject);
  refused(subject, /is reached through .*\/u, a symbolic link of user 65534/);
  subject.passed();
});

test('nor by exchanging two files of root’s in his directory', async () => {
  const { subject, file } = await dumpedUser('');
  await using _ = subject;
  edit(path.join(subject.images, 'files.img'), (entries) => {
    for (const { message } of entries) {
      const reg = message['reg'] as Record<string, unknown> | undefined;
      if (reg?.['name'] === file) Object.assign(reg, { uid: 0, gid: 0 });
    }
  });
  writeFileSync(`${file}.other`, 'secret-tex');
  chmodSync(`${file}.other`, 0o640);
  renameSync(`${file}.other`, file);
  refused(subject, /is another file than the one that was dumped/);
  subject.passed();
});

test('a link of the file’s owner, or of root, is followed', async () => {
  const { subject, file } = await dumpedUser('');
  await using _ = subject;
  renameSync(file, `${file}.real`);
  symlinkSync('f.real', file);
  lchownSync(file, USER, USER);
  subject.restore();
  subject.passed();
});

test('a FIFO in the place of a file is refused, not waited for', async () => {
  const { subject, file } = await dumpedUser('');
  await using _ = subject;
  unlinkSync(file);
  execFileSync('mkfifo', [file]);
  refused(subject, /is a FIFO, the images have it as a file/);
  strip(subject, 'mode', 'size'); // images need not tell
  refused(subject, /is a FIFO, the images have it as a file/);
  subject.passed();
});

test('a current directory that is a file is refused before anything is started', async () => {
  const { subject, file } = await dumpedUser('');
  await using _ = subject;
  let id = 0;
  edit(path.join(subject.images, 'files.img'), (entries) => {
    for (const { message } of entries)
      if ((message['reg'] as { name?: string } | undefined)?.name === file) id = message['id'] as number;
  });
  edit(path.join(subject.images, `fs-${subject.pid}.img`), ([entry]) => {
    Object.assign(entry!.message, { cwd_id: id });
  });
  refused(subject, /u\/f is a regular file, the images have it as a directory/);
  subject.passed();
});

test('a link remap removes nothing that a dump cannot have made', async () => {
  const { subject, file } = await dumpedUser('os.link("u/f","u/other"); os.unlink("u/f")');
  await using _ = subject;
  const precious = path.join(subject.dir, 'precious');
  copyFileSync(path.join(path.dirname(file), 'other'), precious);
  chownSync(precious, USER, USER);
  chmodSync(precious, 0o640);
  edit(path.join(subject.images, 'files.img'), (entries) => {
    for (const { message } of entries) {
      const reg = message['reg'] as { name: string } | undefined;
      if (reg?.name.includes('link_remap.')) reg.name = precious;
    }
  });
  subject.restore();
  assert.ok(existsSync(precious));
  assert.ok(!existsSync(file));
  subject.passed();
});

test('what had no name has its old one for /proc, and none in the directory', async () => {
  const subject = new Subject('python3', [
    '-c',
    `
import os, signal, time
def look():
    out = []
    for fd in held:
        out.append((os.readlink("/proc/self/fd/%d" % fd), os.fstat(fd).st_mode, os.fstat(fd).st_uid, os.fstat(fd).st_nlink,
            open("/proc/self/fdinfo/%d" % fd).read().split()[:4]))
    return out
def opened(name, flags): held.append(os.open(name, flags))
held = []
os.makedirs("d/e"); opened("d", os.O_RDONLY); opened("d/e", os.O_RDONLY)
opened("d/e/file", os.O_RDWR | os.O_CREAT); os.write(held[-1], b"deep")
opened("setuid", os.O_RDWR | os.O_CREAT); os.write(held[-1], b"x" * 30000); os.fchown(held[-1], ${USER}, ${USER}); os.fchmod(held[-1], 0o4755)
os.link("setuid", "setuid2"); opened("setuid2", os.O_RDONLY | os.O_NOFOLLOW)
os.symlink("d", "link"); opened("link", os.O_PATH | os.O_NOFOLLOW)
os.mkfifo("fifo"); opened("fifo", os.O_RDWR)
for name in ("d/e/file", "setuid", "setuid2", "link", "fifo"): os.unlink(name)
os.rmdir("d/e"); os.rmdir("d")
before = look()
def check(*_):
    after = look()
    os.lseek(held[2], 0, 0)
    ok = before == after and os.read(held[2], 9) == b"deep" and os.pread(held[3], 40000, 0) == b"x" * 30000
    print("ok" if ok else "FAIL %r %r" % (before, after), flush=True)
signal.signal(signal.SIGUSR1, check)
print("ready", flush=True)
while True: time.sleep(1)
`,
  ]);
  await using _ = subject;
  await subject.says('ready');
  const names = readdirSync(subject.dir).sort();
  await subject.dump();
  subject.restore();
  assert.deepEqual(readdirSync(subject.dir).sort(), names);
  process.kill(subject.pid, 'SIGUSR1');
  await subject.says(/ok|FAIL/);
  assert.match(subject.output, /ok/, subject.output);
  subject.passed();
});

test('a file that grew is refused with what to do, and accepted with --file-validation none', async () => {
  const { subject, file } = await dumpedUser('');
  await using _ = subject;
  writeFileSync(file, 'more', { flag: 'a' });
  refused(subject, /has 14 bytes, when it was dumped it had 10 \(it grew by 4\).*--file-validation none/);
  subject.restore('--file-validation', 'none');
  subject.passed();
});

test('permissions that changed are refused, and accepted with --skip-file-rwx-check', async () => {
  const { subject, file } = await dumpedUser('');
  await using _ = subject;
  chmodSync(file, 0o600);
  refused(subject, /has mode 0100600, when it was dumped it had 0100640.*--skip-file-rwx-check/);
  subject.restore('--skip-file-rwx-check');
  subject.passed();
});

test('another build of a program of the same size is refused', async () => {
  const build = (file: string, id: string) => {
    execFileSync('gcc', ['-x', 'c', `-Wl,--build-id=0x${id}`, '-o', file, '-'], {
      input:
        '#include <stdio.h>\n#include <unistd.h>\nint main(void) { puts("ready"); fflush(stdout); for (;;) pause(); }',
    });
  };
  const scratch = new Subject('true', []);
  await using _scratch = scratch;
  const built = path.join(scratch.dir, 'program');
  build(built, '0123456789abcdef01');
  const subject = new Subject(built, []);
  await using _ = subject;
  await subject.says('ready');
  await subject.dump();
  unlinkSync(built);
  build(built, 'fedcba987654321001');
  refused(subject, /program has another build-id/);
  subject.restore('--file-validation=filesize');
  subject.passed();
  scratch.passed();
});

test('a dump refers to a deleted current directory without opening it', async () => {
  await using subject = new Subject('python3', [
    '-c',
    'import os,time; os.mkdir("gone"); os.chdir("gone"); print("made",flush=True); time.sleep(1000)',
  ]);
  await subject.says('made');
  const gone = path.join(subject.dir, 'gone');
  const watch = sys('inotify_init1', O_NONBLOCK);
  try {
    sys('inotify_add_watch', watch, cString(gone), IN_OPEN);
    rmdirSync(gone);
    await subject.dump('-R');
    const events = new Uint8Array(4096);
    assert.equal(sysRaw('read', watch, events, events.length), -ERRNO.EAGAIN);
  } finally {
    closeSync(watch);
  }
  subject.passed();
});

test('the content of a deleted file is that of the instant at which its process stood', async () => {
  await using subject = new Subject(program('ghost-written'), []);
  await subject.says('ready');
  for (let i = 0; i < 3; i++) await subject.dump('-R');
  process.kill(subject.pid, 'SIGKILL');
  await gone(subject.pid);
  subject.restore();
  await sleep(20);
  process.kill(subject.pid, 'SIGUSR1');
  await subject.says(/ok|FAIL/);
  assert.match(subject.output, /^ready \d+\nok\n$/);
  subject.passed();
});
