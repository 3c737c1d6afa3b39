// Shows crit's main job on a real process, with the commands it runs: npm run demo, after a build.
import { spawn, spawnSync } from 'node:child_process';
import {
  closeSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const bin = path.join(root, 'bin/crit');
if (!existsSync(path.join(root, 'dist/cli.cjs'))) {
  console.error('demo: not built yet: npm run build');
  process.exit(1);
}
/** Why no process can be dumped here. */
const without =
  process.platform !== 'linux' || !existsSync(path.join(root, 'build/Release/crit.node'))
    ? 'the native part of crit, on Linux'
    : process.getuid?.() !== 0 && 'root';

/** A process that says its name and counts. */
const PROGRAM = `
import time
n = 0
while True:
    n += 1
    print(open("/proc/self/comm").read().strip(), "counts", n, flush=True)
    time.sleep(0.1)
`;

/** Where everything happens; paths in commands are relative to it. */
const work = mkdtempSync(path.join(tmpdir(), 'crit-demo-'));
const output = path.join(work, 'output');

/** @param {string} title */
const say = (title) => console.log(`\n== ${title}`);
/** @param {number} ms */
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/**
 * Runs crit as a user would type it, and shows the first lines of what it prints.
 * @param {string} line @param {number} lines
 */
function crit(line, lines = 12) {
  console.log(`\n$ crit ${line}`);
  const { status, stdout, stderr } = spawnSync(bin, line.split(' '), { cwd: work, encoding: 'utf8' });
  if (status !== 0) throw new Error(`crit ${line} ended with ${status}: ${stderr.trim()}`);
  const all = stdout.trimEnd().split('\n');
  if (stdout !== '') console.log(all.slice(0, lines).join('\n'));
  if (all.length > lines) console.log(`... and ${all.length - lines} more lines`);
  return stdout;
}

const said = () => readFileSync(output, 'utf8').trimEnd().split('\n');

/** Waits until the process has said some more, and shows it. @param {number} lines */
async function more(lines) {
  const before = said().length;
  for (let i = 0; i < 100 && said().length < before + lines; i++) await sleep(50);
  const now = said();
  if (now.length < before + lines) throw new Error('the process says nothing');
  console.log(now.slice(-lines).join('\n'));
  return now.at(-1) ?? '';
}

/** @param {number} pid */
async function gone(pid) {
  for (let i = 0; i < 200 && existsSync(`/proc/${pid}`); i++) await sleep(20);
}

/** What needs neither root nor Linux: a checkpoint is looked at, and an image changed. */
function look() {
  say('A checkpoint of eight processes: what is in it?');
  cpSync(path.join(root, 'fixtures/sets/tree'), path.join(work, 'checkpoint'), { recursive: true });
  crit('x checkpoint ps');
  crit('x checkpoint fds', 6);
  crit('show checkpoint/core-812.img');

  say('An image as JSON, edited, and an image again');
  const json = path.join(work, 'core.json');
  crit('decode -i checkpoint/core-812.img --pretty -o core.json');
  const before = readFileSync(json, 'utf8');
  const name = /"comm": "([^"]+)"/.exec(before)?.[1] ?? '';
  console.log(`$ sed -i 's/"comm": "${name}"/"comm": "renamed"/' core.json`);
  writeFileSync(json, before.replaceAll(`"comm": "${name}"`, '"comm": "renamed"'));
  crit('encode -i core.json -o checkpoint/core-812.img');
  if (!crit('x checkpoint ps').includes('renamed')) throw new Error('the edit did not arrive');
  say(`done. Dumping and restoring a process needs ${without}: that part was left out`);
}

let pid = 0;
if (without)
  try {
    look();
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
else
  try {
    say('A process that counts');
    writeFileSync(output, '');
    mkdirSync(path.join(work, 'checkpoint'));
    const nothing = openSync('/dev/null', 'r');
    const out = openSync(output, 'a');
    const child = spawn('python3', ['-c', PROGRAM], {
      cwd: work,
      detached: true,
      stdio: [nothing, out, out],
      env: { PATH: process.env.PATH },
    });
    closeSync(nothing);
    closeSync(out);
    pid = child.pid ?? 0;
    await sleep(300);
    await more(3);

    say('Dump it: it is gone, its images are there');
    crit(`dump -t ${pid} -D checkpoint`);
    await gone(pid);
    console.log(
      `process ${pid} ${existsSync(`/proc/${pid}`) ? 'still runs' : 'is gone'}; its last words: ${said().at(-1)}`,
    );

    say('What is in it?');
    crit('show checkpoint', 30);
    crit('x checkpoint ps');
    crit('x checkpoint fds');
    crit('x checkpoint mems', 6);

    say('An image as JSON, edited, and an image again');
    const json = path.join(work, 'core.json');
    crit(`decode -i checkpoint/core-${pid}.img --pretty -o core.json`);
    console.log(`$ sed -i 's/"comm": "python3"/"comm": "renamed"/' core.json`);
    writeFileSync(json, readFileSync(json, 'utf8').replaceAll('"comm": "python3"', '"comm": "renamed"'));
    crit(`encode -i core.json -o checkpoint/core-${pid}.img`);

    say('Restore it: it counts on where it was, under its new name');
    crit('restore -d -D checkpoint');
    const last = await more(3);
    if (!last.startsWith('renamed counts ')) throw new Error('the edit did not arrive');
    say('done');
  } finally {
    if (pid)
      try {
        process.kill(pid, 'SIGKILL');
        await gone(pid);
      } catch {
        // it is gone already
      }
    rmSync(work, { recursive: true, force: true });
  }
