import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  closeSync,
  existsSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { Worker } from 'node:worker_threads';
import { check, CritError, dump, ImageError, plan, restore, type Progress, type RunOptions } from '../../src/index.js';
import { program } from '../programs.js';
import { test } from '../root.js';
import { comes, gone, Subject } from './round-trip.js';

const INDEX = new URL('../../src/index.js', import.meta.url).href;

const started = async (): Promise<Subject> => {
  const subject = new Subject(program('heartbeat'), ['1']);
  await subject.says(/./);
  return subject;
};

/** Has the process answer. */
async function answers(subject: Subject): Promise<void> {
  const more = subject.saysMore();
  process.kill(subject.pid, 'SIGUSR1');
  await more;
}

/** Lines of a log, and a function that waits for one. */
class Lines {
  readonly all: string[] = [];
  readonly #waiting: (readonly [text: string, go: () => void])[] = [];
  readonly #note = (text: string) => {
    this.all.push(text);
    for (const [wanted, go] of this.#waiting) if (text.includes(wanted)) go();
  };
  readonly log = { error: this.#note, warn: this.#note, info: this.#note, debug: this.#note };

  on(text: string, go: () => void): this {
    this.#waiting.push([text, go]);
    return this;
  }
}

/** An action script; `$CRTOOLS_SCRIPT_ACTION` says at which moment it is. */
function script(subject: Subject, text: string): string {
  const file = path.join(subject.dir, 'script.sh');
  writeFileSync(file, `#!/bin/sh\n${text}\n`);
  chmodSync(file, 0o755);
  return file;
}

/** Has a script wait for a file. */
const waitFor = (file: string) => `for i in $(seq 6000); do [ ! -e ${file} ] || break; sleep 0.01; done`;

const imagesIn = (dir: string): string[] => readdirSync(dir).filter((name) => name.endsWith('.img'));

const isCrit =
  (code: string) =>
  (error: unknown): boolean =>
    error instanceof CritError && error.code === code;

test('the library dumps and restores several times in one program, which stays as it was', async () => {
  await using subject = await started();
  const { pid, images: imagesDir } = subject;
  const open = () =>
    readdirSync(`/proc/${pid}/fd`).map((fd) => readlinkSync(`/proc/${pid}/fd/${fd}`).replace(/\d+/, ''));
  const before = open();
  const descriptors = readdirSync('/proc/self/fd').length;
  const signals = process.listenerCount('SIGINT');

  const first = await dump({ pid, imagesDir, leaveRunning: true });
  assert.equal(first.pid, pid);
  assert.equal(first.imagesDir, imagesDir);
  assert.ok(first.stats.pages_written > 0n && first.stats.frozen_time > 0);
  await answers(subject);
  for (let life = 0; life < 2; life++) {
    await dump({ pid, imagesDir });
    await gone(pid);
    const again = await restore({ imagesDir });
    assert.equal(again.pid, pid);
    assert.ok(again.stats.pages_restored! > 0n);
    await answers(subject);
  }
  // nothing of crit's is left in it, and it is nobody's child here
  assert.deepEqual(open(), before);
  assert.doesNotMatch(readFileSync(`/proc/${pid}/status`, 'utf8'), new RegExp(`^PPid:\\s${process.pid}$`, 'm'));
  assert.equal(readdirSync('/proc/self/fd').length, descriptors);
  assert.equal(process.listenerCount('SIGINT'), signals);
  const options = JSON.stringify({ pid, imagesDir, leaveRunning: true });
  const loads = `await (await import('${INDEX}')).dump(${options});
    console.log((await import('node:fs')).readFileSync('/proc/self/maps', 'utf8').includes('crit.node'))`;
  const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', loads], { encoding: 'utf8' });
  assert.equal(stdout, 'false\n', `the native part is not loaded there: ${stderr}`);
  subject.passed();
});

test('two dumps at a time, one of them from a Worker', async () => {
  await using one = await started();
  await using two = await started();
  const options = { pid: two.pid, imagesDir: two.images, leaveRunning: true };
  const worker = new Worker(
    `import(${JSON.stringify(INDEX)}).then(async ({ dump }) => {
      const { parentPort, workerData } = require('node:worker_threads');
      parentPort.postMessage((await dump(workerData)).pid);
    });`,
    { eval: true, workerData: options },
  );
  const message = once(worker, 'message');
  await dump({ pid: one.pid, imagesDir: one.images, leaveRunning: true });
  assert.deepEqual(await message, [two.pid]);
  await once(worker, 'exit');
  for (const subject of [one, two]) {
    await answers(subject);
    assert.ok(existsSync(path.join(subject.images, 'inventory.img')));
    subject.passed();
  }
});

test('plan tells what a dump and a restore would do and all that is in the way; check what is here', async () => {
  await using subject = await started();
  const { pid, images: imagesDir } = subject;
  assert.deepEqual(await plan({ pid, imagesDir }), { ok: true, steps: [], obstacles: [] });
  assert.deepEqual(imagesIn(imagesDir), []);
  const refused = await plan({ pid: process.pid, imagesDir: path.join(subject.dir, 'nowhere') });
  assert.equal(refused.ok, false);
  assert.deepEqual(refused.obstacles.map(({ code }) => code).slice(0, 2), ['BAD_DIRECTORY', 'OWN_PID']);
  assert.ok(refused.obstacles.every((obstacle) => obstacle instanceof CritError));

  await dump({ pid, imagesDir, leaveRunning: true });
  const { ok, steps, obstacles } = await plan({ imagesDir });
  assert.equal(ok, false);
  assert.match(steps[0] ?? '', new RegExp(`^task ${pid}: started by crit`));
  assert.deepEqual(
    obstacles.map(({ code }) => code),
    ['PID_IN_USE', 'PID_IN_USE'], // it has two threads
  );

  const here = await check({ extra: true });
  assert.deepEqual(here.problems, []);
  assert.ok(here.features.some(({ name, required, here }) => name === 'kcmp' && required && here === 'yes'));
  assert.ok(here.features.length > (await check()).features.length);
  subject.passed();
});

test('log and progress are told while the work goes on', async () => {
  await using subject = await started();
  const lines = new Lines();
  const progress: Progress[] = [];
  await dump({
    pid: subject.pid,
    imagesDir: subject.images,
    leaveRunning: true,
    log: lines.log,
    onProgress: (step) => progress.push(step),
  });
  assert.ok(lines.all.includes('Dumping finished successfully'), lines.all.join('\n'));
  assert.deepEqual(progress[0], { what: 'processes dumped', done: 0, total: 1 });
  subject.passed();
});

test('a dump and a restore that are aborted leave all as it was, and are rejected with the reason', async () => {
  await using subject = await started();
  const { pid, images: imagesDir } = subject;
  const reason = new Error('enough');
  await assert.rejects(dump({ pid, imagesDir, signal: AbortSignal.abort(reason) }), reason);

  const abortedAt = async (
    moment: string,
    work: (options: RunOptions & { actionScripts: string[] }) => Promise<unknown>,
  ) => {
    const abort = new AbortController();
    const go = path.join(subject.dir, `aborted-${moment}`);
    const actionScripts = [script(subject, `[ "$CRTOOLS_SCRIPT_ACTION" != ${moment} ] || { ${waitFor(go)}; }`)];
    const { log } = new Lines().on(`Running ${moment} scripts`, () => {
      abort.abort(reason);
      writeFileSync(go, '');
    });
    await assert.rejects(work({ signal: abort.signal, log, actionScripts }), reason);
  };
  await abortedAt('post-dump', (options) => dump({ ...options, pid, imagesDir }));
  await answers(subject);
  assert.deepEqual(imagesIn(imagesDir), []);

  await dump({ pid, imagesDir });
  await gone(pid);
  await abortedAt('post-restore', (options) => restore({ ...options, imagesDir }));
  assert.ok(!existsSync(`/proc/${pid}`));
  await restore({ imagesDir });
  await answers(subject);
  subject.passed();
});

test('errors are those of crit, with code and place', async () => {
  await using subject = await started();
  const { pid, images: imagesDir } = subject;
  await assert.rejects(dump({ pid: 2 ** 22, imagesDir }), isCrit('NO_PROCESS'));
  await assert.rejects(dump({ pid, imagesDir: path.join(subject.dir, 'nowhere') }), isCrit('BAD_DIRECTORY'));
  await assert.rejects(restore({ imagesDir }), isCrit('NO_INVENTORY'));
  await assert.rejects(dump({ pid, imagesDir, actionScripts: [script(subject, 'exit 3')] }), isCrit('ACTION_SCRIPT'));
  await assert.rejects(
    dump({
      pid,
      imagesDir,
      log: new Lines().on('scripts', () => {
        throw new TypeError('my own');
      }).log,
    }),
    TypeError,
  );
  await dump({ pid, imagesDir, leaveRunning: true });
  truncateSync(path.join(imagesDir, 'pstree.img'), 12);
  await assert.rejects(
    restore({ imagesDir }),
    (error) => error instanceof ImageError && error.code === 'BAD_IMAGE' && /pstree\.img$/.test(error.file ?? ''),
  );
  subject.passed();
});

test('the end of the process that does the work, or of the program, harms nobody', async () => {
  await using subject = await started();
  const { pid, images: imagesDir } = subject;
  const kill = [script(subject, '[ "$CRTOOLS_SCRIPT_ACTION" != post-dump ] || kill -9 $PPID')];
  await assert.rejects(dump({ pid, imagesDir, actionScripts: kill }), isCrit('ENGINE_DIED'));
  await answers(subject);

  // the program is gone when the script ends: the dump is given up
  const begun = path.join(subject.dir, 'begun');
  const go = path.join(subject.dir, 'go');
  const ended = path.join(subject.dir, 'ended');
  const wait = script(
    subject,
    `[ "$CRTOOLS_SCRIPT_ACTION" != post-dump ] || { echo $PPID > ${begun}; ${waitFor(go)}; : > ${ended}; }`,
  );
  const options = JSON.stringify({ pid, imagesDir, actionScripts: [wait] });
  const host = spawn(process.execPath, ['--input-type=module', '-e', `(await import('${INDEX}')).dump(${options});`], {
    stdio: 'ignore',
  });
  const exit = once(host, 'exit');
  assert.ok(await comes(() => existsSync(begun) && readFileSync(begun, 'utf8').endsWith('\n')));
  host.kill('SIGKILL');
  await exit;
  writeFileSync(go, '');
  const engine = Number(readFileSync(begun, 'utf8'));
  assert.ok(await gone(engine));
  assert.ok(existsSync(ended));
  await answers(subject);
  assert.deepEqual(imagesIn(imagesDir), []);
  subject.passed();
});

/** Sends, writes and prints a line each time that it gets SIGUSR1. */
const TELLER = `
import os, signal, socket, sys, time
log = open('log', 'ab', buffering=0)
far = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
far.connect(sys.argv[1])
def tell(*_):
    far.send(b'a datagram')
    log.write(b'a line\\n')
    os.write(1, b'a word\\n')
signal.signal(signal.SIGUSR1, tell)
print('ready', flush=True)
while True: time.sleep(60)
`;
const LISTENER = `
import os, socket
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(os.path.abspath('far'))
print('ready', flush=True)
while True: print(s.recv(100).decode(), flush=True)
`;

test('sockets to the outside, files of somebody else and descriptors are options of the library', async () => {
  await using listener = new Subject('python3', ['-c', LISTENER]);
  await listener.says('ready');
  await using teller = new Subject('python3', ['-c', TELLER, path.join(listener.dir, 'far')]);
  await teller.says('ready');
  const { pid, images: imagesDir } = teller;
  const log = path.join(teller.dir, 'log');
  const ofTeller = readdirSync(`/proc/${pid}/fd`).find((fd) => readlinkSync(`/proc/${pid}/fd/${fd}`) === log)!;
  const mount = /mnt_id:\s*(\d+)/.exec(readFileSync(`/proc/${pid}/fdinfo/${ofTeller}`, 'utf8'))![1]!;
  const external = `file[${Number(mount).toString(16)}:${statSync(log).ino.toString(16)}]`;
  await assert.rejects(dump({ pid, imagesDir }), isCrit('UNSUPPORTED'));
  await dump({ pid, imagesDir, extUnixSk: true, externals: { [external]: '' }, cpuinfo: true });
  assert.ok(existsSync(path.join(imagesDir, 'cpuinfo.img')));
  await gone(pid);
  const [other, words] = [path.join(teller.dir, 'other'), path.join(teller.dir, 'words')];
  const fds = [openSync(other, 'a'), openSync(words, 'a')] as const;
  const inheritFds = { [external]: fds[0], [path.join(teller.dir, 'out').slice(1)]: fds[1] };
  const { ok, obstacles } = await plan({ imagesDir, extUnixSk: true });
  assert.ok(!ok && obstacles.length > 0);
  await restore({ imagesDir, extUnixSk: true, inheritFds, cpuCaps: ['cpu'] });
  for (const fd of fds) closeSync(fd);
  process.kill(pid, 'SIGUSR1');
  await listener.says('a datagram');
  for (const [file, text] of [
    [other, 'a line\n'],
    [words, 'a word\n'],
  ] as const) {
    await comes(() => readFileSync(file, 'utf8') === text);
    assert.equal(readFileSync(file, 'utf8'), text);
  }
  assert.equal(readFileSync(log, 'utf8'), '');
  teller.passed();
  listener.passed();
});
