// Fills V8's code caches beside dist/cli.cjs, for this version of Node: after a build, and where the package is installed.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { setTimeout } from 'node:timers/promises';
import path from 'node:path';

/** Runs whose compiled functions are worth keeping: they are what people run most. */
const RUNS = [
  ['show', 'fixtures/sets/tree/pstree.img'],
  ['show', 'fixtures/sets/tree/core-812.img'],
  ['info', 'fixtures/sets/tree/mm-812.img'],
  ['show', 'fixtures/sets/tree/files.img'],
  ['x', 'fixtures/sets/tree', 'ps'],
  ['inspect', 'fixtures/sets/tree'],
  ['verify', 'fixtures/sets/tree'],
];

/** @param {string} root the package's directory */
export async function warmUp(root) {
  const dist = path.join(root, 'dist');
  for (const name of readdirSync(dist)) if (name.endsWith('.cache')) rmSync(path.join(dist, name));
  for (const args of RUNS) {
    const { status, stderr } = run(root, args);
    // the set has no pages: verify says so
    if (status !== 0 && args[0] !== 'verify')
      throw new Error(`bin/crit ${args.join(' ')} ended with ${status}: ${stderr}`);
  }
  await warmEngines(root);
}

/** @param {string} root @param {string[]} args */
function run(root, args) {
  const env = { ...process.env, CRIT_WRITE_CODE_CACHE: '1' };
  return spawnSync(process.execPath, ['bin/crit', ...args], {
    cwd: root,
    env,
    encoding: 'utf8',
    timeout: 60_000,
    killSignal: 'SIGKILL',
  });
}

/**
 * Dumps and restores processes of its own: what that compiles need not be compiled while a real process is stopped.
 * Where it cannot be done (another system, no root), the engines only start slower.
 * @param {string} root
 */
async function warmEngines(root) {
  if (
    process.platform !== 'linux' ||
    process.getuid?.() !== 0 ||
    !existsSync(path.join(root, 'build/Release/crit.node'))
  )
    return;
  const dir = mkdtempSync(path.join(tmpdir(), 'crit-build-'));
  // in a session of its own, which is ended by its number, restored or not
  const shell = spawn('/bin/sh', ['-c', 'sleep 60 | cat; :'], { cwd: '/', detached: true, stdio: 'ignore' });
  const ended = once(shell, 'exit');
  try {
    await once(shell, 'spawn');
    // the shell has started what it is to start
    await setTimeout(100);
    const images = ['-D', dir, '-o', 'log', '-v0'];
    run(root, ['dump', '-t', String(shell.pid), '-R', ...images]);
    if (run(root, ['dump', '-t', String(shell.pid), ...images]).status !== 0) return;
    await ended;
    run(root, ['restore', '-d', ...images]);
  } finally {
    try {
      if (shell.pid) process.kill(-shell.pid, 'SIGKILL');
    } catch {
      // it did not come back
    }
    rmSync(dir, { recursive: true, force: true });
  }
}
