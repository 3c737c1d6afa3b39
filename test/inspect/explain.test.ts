import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, describe, it, test } from 'node:test';
import { ImageDir } from '../../src/encode/image-dir.js';
import { explain } from '../../src/inspect/explain/explain.js';
import { crit } from '../cli/run-crit.js';
import { fixture, projectPath } from '../project-path.js';

const dir = mkdtempSync(path.join(os.tmpdir(), 'crit-explain-'));
after(() => {
  rmSync(dir, { recursive: true });
});

const log = (...lines: string[]): string => {
  const file = path.join(dir, 'restore.log');
  writeFileSync(file, `${lines.join('\n')}\n`);
  return file;
};
const ABOUT = '(00.001015) Version: 4.2 (gitid 0)';
const END = '(00.008803) Error (criu/cr-restore.c:2184): Restoring FAILED.';

/** Error lines in the forms of CRIU 4.2 and of crit, what they are about, and a word of the cause. */
const LINES: readonly (readonly [line: string, object: Record<string, string>, cause: RegExp])[] = [
  ["Error (criu/cr-restore.c:1313): Can't fork for 812: File exists", { pid: '812' }, /in use/],
  [
    '   812: Error (criu/cr-restore.c:1600): Pid 900 do not match expected 812',
    { got: '900', pid: '812' },
    /took the pid/,
  ],
  [
    '   812: Error (criu/files-reg.c:2143): File /usr/bin/x has bad size 10 (expect 12)',
    { path: '/usr/bin/x', size: '10', expected: '12' },
    /another size/,
  ],
  [
    '   812: Error (criu/files-reg.c:2150): File /etc/x has bad mode 0100600 (expect 0100644)',
    { path: '/etc/x', mode: '0100600', expected: '0100644' },
    /permissions/,
  ],
  [
    '   812: Error (criu/files-reg.c:2010): File /lib/libc.so.6 has bad build-ID',
    { path: '/lib/libc.so.6' },
    /another build/,
  ],
  [
    "   812: Error (criu/files-reg.c:2241): Can't open file tmp/out on restore: No such file or directory",
    { path: 'tmp/out' },
    /not there/,
  ],
  [
    'Error (criu/pstree.c:304): The root process 812 is not a session leader. Consider using --shell-job option',
    { pid: '812' },
    /shell/,
  ],
  ['Error (criu/sk-inet.c:200): Connected TCP socket, consider using --tcp-established option.', {}, /TCP connection/],
  ['Error (criu/sk-inet.c:912): Connected TCP socket in image', {}, /TCP connection/],
  ["   812: Error (criu/sk-inet.c:1087): inet: Can't bind inet socket (id 6): Address already in use", {}, /port/],
  [
    'Error (criu/sk-unix.c:873): unix: External socket is used. Consider using --ext-unix-sk option.',
    {},
    /outside of the tree/,
  ],
  ['Error (criu/sk-unix.c:1905): unix: FATAL: Peer 77 unresolved for 78', { peer: '77', socket: '78' }, /other end/],
  [
    "Error (criu/files-reg.c:1031): Can't dump ghost file /tmp/x of 2097152 size, increase limit",
    { path: '/tmp/x', size: '2097152' },
    /deleted file/,
  ],
  [
    'Error (criu/file-lock.c:110): Some file locks are hold by dumping tasks! You can try --file-locks to dump them.',
    {},
    /lock/,
  ],
  ['Error (criu/image.c:87): Not supported images version 9', { version: '9' }, /version/],
  ['Error (criu/cpu.c:500): CPU xsave size mismatch (832/2696)', {}, /processor/],
  [
    'Error (src/restore): pid 812 is in use by process 812 (sleep): end it, or restore in a new pid namespace',
    { pid: '812' },
    /in use/,
  ],
  [
    'Error (src/restore): file /tmp/out is missing: the dumped tree had it open; put it back and restore again',
    { path: '/tmp/out' },
    /not there/,
  ],
  [
    'Error (src/restore): file /tmp/out has 3 bytes, when it was dumped it had 5 (it lost 2): put back',
    { path: '/tmp/out', size: '3', expected: '5' },
    /another size/,
  ],
  [
    'Error (src/restore): task 812 belongs to session 700, which is not in the images: restore it as a shell job (--shell-job)',
    { pid: '812', session: '700' },
    /shell/,
  ],
  [
    'Error (src/restore): checkpoint/pages-1.img is cut off after 4096 of 8192 bytes: the set is torn, as by a power cut',
    { image: 'checkpoint/pages-1.img' },
    /lost or cut off/,
  ],
  ['Error (src/restore): pstree.img: entries[3].pid: 812 is there twice', { image: 'pstree.img' }, /contradict/],
  [
    'Error (src/dump): task 812 of process 812 is restricted by seccomp (mode 2): not supported',
    { module: 'seccomp' },
    /filter of system calls/,
  ],
  [
    'Error (src/dump): task 812 of process 812 is traced by process 9 already (a debugger, strace or another dump): end that first',
    { pid: '812', tracer: '9' },
    /debugger/,
  ],
  [
    'Error (src/dump): process 812, descriptor 3 (/dev/x): a character device (1:2) is not supported',
    { pid: '812', descriptor: '3', path: '/dev/x', what: 'a character device (1:2)' },
    /does not support/,
  ],
];

describe('an error line is explained', () => {
  for (const [line, object, cause] of LINES)
    it(line, () => {
      const found = explain(log(ABOUT, `(00.008614) ${line}`, END));
      assert.equal(found.line?.number, 2);
      assert.deepEqual(found.object, object);
      assert.match(found.cause ?? '', cause);
      assert.ok(found.todo);
      assert.equal(found.nrErrors, 2);
    });
});

test('the first line that decides is taken, not one that follows from it', () => {
  const found = explain(
    log(
      ABOUT,
      '(00.1) Error (criu/x.c:1): something new',
      "(00.2)  12: Error (criu/cr-restore.c:1313): Can't fork for 13: File exists",
      END,
    ),
  );
  assert.equal(found.line?.number, 3);
  assert.equal(found.line.pid, 12);
  assert.equal(found.nrErrors, 3);
});

test('what is not known is said to be unknown, with the first error line', () => {
  const found = explain(log(ABOUT, '(00.1) Error (criu/x.c:1): something new', END));
  assert.equal(found.line?.number, 2);
  assert.equal(found.cause, undefined);
  const { status, stdout } = crit(['explain', log(ABOUT, '(00.1) Error (criu/x.c:1): something new', END)]);
  assert.equal(status, 1);
  assert.match(stdout.toString(), /cause: unknown/);
});

test('a log without an error has none', () => {
  assert.equal(explain(log(ABOUT, '(00.2) Warn  (criu/x.c:1): careful')).line, undefined);
});

test('the images name the process and who has the file open', () => {
  const images = new ImageDir(fixture('tree'));
  const { known } = explain(projectPath('fixtures/logs/pid-in-use.log'), images);
  assert.match(known.join(), /^pid 812 is \w+/);
  const open = explain(
    log("(00.2) 812: Error (criu/files-reg.c:2241): Can't open file /dev/null on restore: No such file or directory"),
    images,
  );
  assert.match(open.known.join('; '), /task 812 \(\w+\) has it open as descriptor 0/);
});

test('a log with a line of any length and any bytes is read', () => {
  const file = log('x'.repeat(3 << 20), `(00.2) Error (criu/x.c:1): ${'\xff\x1b[31m'.repeat(1000)}`);
  const { status, stdout } = crit(['explain', file]);
  assert.equal(status, 1);
  assert.ok(!stdout.includes(0x1b));
});

test('what crit itself prints when a restore is refused is explained', () => {
  const refused = crit(['restore', '--dry-run', '-D', fixture('tcp_est')]);
  assert.notEqual(refused.status, 0);
  const found = explain(log(...refused.stderr.trimEnd().split('\n')));
  assert.ok(found.line, refused.stderr);
  assert.ok(found.cause, refused.stderr);
});

test('an error after which CRIU goes on is not the cause, and names of files may lack their first slash', () => {
  const dir = mkdtempSync(path.join(os.tmpdir(), 'crit-explain-'));
  const file = path.join(dir, 'log');
  const ofLog = (...lines: string[]) => {
    writeFileSync(file, lines.map((line) => `(00.01) ${line}\n`).join(''));
    return explain(file);
  };
  const harmless = "Error (criu/util.c:1534): rlimit: Can't setup RLIMIT_NOFILE for self: Operation not permitted";
  const size = ofLog(harmless, ' 65999: Error (criu/files-reg.c:2175): File tmp/data has bad size 8 (expect 3)');
  assert.match(size.cause ?? '', /another size/);
  assert.equal(size.object['path'], 'tmp/data');
  assert.equal(ofLog(harmless).line, undefined);
  for (const [text, cause] of [
    ["Error (criu/files-ext.c:98): Can't dump file 3 of that type [600] (anon anon_inode:bpf-map)", /file open/],
    ['Error (criu/tun.c:306): tun: Net namespace is required to dump tun link', /network interface/],
    ['Error (criu/protobuf.c:72): Unexpected EOF on (empty-image)', /missing or empty/],
    ['Error (src/restore): /set/core-65999.img: there is no such file', /missing or empty/],
    [
      'Error (src/dump): process 6, descriptor 3 (/x): a lock on a file (a lock of flock) is held: use --file-locks',
      /lock/,
    ],
    [
      'Error (src/dump): process 6, descriptor 3 (anon_inode:[pidfd]): a pidfd is not supported yet',
      /does not support/,
    ],
  ] as const)
    assert.match(ofLog(harmless, text).cause ?? '', cause, text);
  rmSync(dir, { recursive: true });
});
