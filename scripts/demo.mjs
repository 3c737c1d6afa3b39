// Shows crit's main job, step by step, with the commands it runs: npm run demo, after a build.
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const bin = path.join(root, 'bin/crit');
if (!existsSync(path.join(root, 'dist/cli.cjs'))) {
  console.error('demo: not built yet: npm run build');
  process.exit(1);
}

/** Where everything happens; paths in commands are relative to it. */
const work = mkdtempSync(path.join(tmpdir(), 'crit-demo-'));

/** @param {string} title */
const say = (title) => console.log(`\n== ${title}`);

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

/** Each step leaves what the next one needs. */
const steps = {
  /** @returns {number} the pid of the root task */
  dump() {
    say('A checkpoint of a small process tree');
    cpSync(path.join(root, 'fixtures/sets/tree'), path.join(work, 'checkpoint'), { recursive: true });
    return 812;
  },
  /** @param {number} pid */
  show(pid) {
    say('What is in it?');
    crit('show checkpoint');
    crit('x checkpoint ps');
    crit('x checkpoint fds', 6);
    crit(`x checkpoint mems`, 6);
    crit(`show checkpoint/core-${pid}.img`, 10);
  },
  /** @param {number} pid */
  edit(pid) {
    say('An image as JSON, edited, and an image again');
    const json = path.join(work, 'core.json');
    crit(`decode -i checkpoint/core-${pid}.img --pretty -o core.json`);
    console.log('$ sed -i \'s/"comm": "[^"]*"/"comm": "renamed"/\' core.json');
    writeFileSync(json, readFileSync(json, 'utf8').replace(/"comm": "[^"]*"/, '"comm": "renamed"'));
    crit(`encode -i core.json -o checkpoint/core-${pid}.img`);
    if (!crit('x checkpoint ps').includes('renamed')) throw new Error('the edit did not arrive');
  },
};

try {
  const pid = steps.dump();
  steps.show(pid);
  steps.edit(pid);
  say('done');
} finally {
  rmSync(work, { recursive: true, force: true });
}
