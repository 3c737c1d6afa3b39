// Shows crit's main job, step by step, with the commands it runs. `npm run demo` after a build.
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const work = mkdtempSync(path.join(tmpdir(), 'crit-demo-'));
const images = path.join(work, 'checkpoint');

/** Runs crit as a user would type it and shows the first lines of what it prints. @param {string[]} args */
function crit(args, { show = 12 } = {}) {
  console.log(
    `\n$ crit ${args.map((arg) => (path.relative(work, arg).startsWith('..') || !path.isAbsolute(arg) ? arg : path.relative(work, arg))).join(' ')}`,
  );
  const { status, stdout, stderr } = spawnSync(path.join(root, 'bin/crit'), args, { cwd: work, encoding: 'utf8' });
  const lines = stdout.split('\n');
  console.log(lines.slice(0, show).join('\n').trimEnd());
  if (lines.length > show + 1) console.log(`... ${lines.length - show - 1} more lines`);
  if (status !== 0) throw new Error(`crit ${args[0]} ended with ${status}: ${stderr.trim()}`);
  return stdout;
}

/** @param {string} title */
const say = (title) => console.log(`\n== ${title}`);

/** Each step leaves what the next one needs in `images`. */
const steps = {
  dump() {
    say('A checkpoint: image files of a small process tree');
    cpSync(path.join(root, 'fixtures/sets/tree'), images, { recursive: true });
  },
  show() {
    say('What is in it?');
    crit(['show', images]);
    crit(['x', images, 'ps']);
    crit(['x', images, 'fds'], { show: 8 });
  },
  edit() {
    say('An image as JSON, edited, and back');
    const [task] = JSON.parse(readFileSync(path.join(images, 'pstree.img.json'), 'utf8')).entries;
    const core = path.join(images, `core-${task.pid}.img`);
    const json = path.join(work, 'core.json');
    crit(['decode', '-i', core, '--pretty', '-o', json]);
    const text = readFileSync(json, 'utf8');
    writeFileSync(json, text.replace(/"comm": "[^"]*"/, '"comm": "renamed"'));
    crit(['encode', '-i', json, '-o', core]);
    crit(['x', images, 'ps']);
  },
};

try {
  steps.dump();
  steps.show();
  const pstree = path.join(images, 'pstree.img');
  writeFileSync(
    `${pstree}.json`,
    spawnSync(path.join(root, 'bin/crit'), ['decode', '-i', pstree], { encoding: 'utf8' }).stdout,
  );
  steps.edit();
  say('done');
} finally {
  rmSync(work, { recursive: true, force: true });
}
