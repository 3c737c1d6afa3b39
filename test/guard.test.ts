import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { projectPath } from './project-path.js';
import { test } from './root.js';
import { comes } from './system/round-trip.js';

const KILLED = `
import { spawnSync } from 'node:child_process';
const { Subject } = await import(process.argv[1]);
const subject = new Subject('sleep', ['1000']);
spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'none', subject.images]);
console.log(JSON.stringify({ pid: subject.pid, dir: subject.dir }));
setInterval(() => undefined, 1000);
`;

test('a test that is killed leaves no process, mount or directory', async () => {
  const fixture = pathToFileURL(projectPath('dist/test/system/round-trip.js')).href;
  const child = spawn(process.execPath, ['--input-type=module', '-e', KILLED, fixture], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const said = await new Promise<Buffer>((resolve) => child.stdout.once('data', resolve));
  const { pid, dir } = JSON.parse(said.toString()) as { pid: number; dir: string };
  assert.ok(existsSync(`/proc/${pid}/exe`));
  assert.ok(readFileSync('/proc/mounts', 'utf8').includes(` ${dir}/images `));
  child.kill('SIGKILL');
  await comes(() => !existsSync(dir));
  assert.ok(!existsSync(dir), dir);
  assert.ok(!readFileSync('/proc/mounts', 'utf8').includes(` ${dir}/`));
  assert.ok(!existsSync(`/proc/${pid}/exe`));
});
