// Bundles the command into dist/cli.cjs and fills V8's code cache for it. Called by scripts/build.mjs.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import path from 'node:path';
import { build } from 'esbuild';

const root = fileURLToPath(new URL('..', import.meta.url));

/** Runs whose compiled functions are worth keeping: they are what people run most. */
const WARM_UP = [
  ['show', 'fixtures/sets/tree/pstree.img'],
  ['show', 'fixtures/sets/tree/core-812.img'],
  ['info', 'fixtures/sets/tree/mm-812.img'],
  ['show', 'fixtures/sets/tree/files.img'],
  ['x', 'fixtures/sets/tree', 'ps'],
];

export async function bundle() {
  await build({
    absWorkingDir: root,
    entryPoints: ['src/cli/main.ts'],
    outfile: 'dist/cli.cjs',
    bundle: true,
    platform: 'node',
    target: 'node20',
    // import() of Node's own modules would need a module loader, which a script has not.
    supported: { 'dynamic-import': false },
    charset: 'ascii',
    // CommonJS: Node reads one file and starts no ESM loader. Dynamic imports become lazily run parts of it.
    format: 'cjs',
    minifySyntax: true,
    minifyWhitespace: true,
    legalComments: 'eof',
    logLevel: 'warning',
    define: {
      'import.meta.url': '__crit.url',
      'import.meta.dirname': '__dirname',
      'import.meta.filename': '__filename',
    },
    banner: { js: 'const __crit={get url(){return require("node:url").pathToFileURL(__filename).href}};' },
  });
  for (const name of ['cli', 'dump', 'restore']) rmSync(path.join(root, `dist/${name}.cache`), { force: true });
  for (const args of WARM_UP) {
    const { status, stderr } = run(args);
    if (status !== 0) throw new Error(`bin/crit ${args.join(' ')} ended with ${status}: ${stderr}`);
  }
  await warmEngines();
}

/** @param {string[]} args */
function run(args) {
  const env = { ...process.env, CRIT_WRITE_CODE_CACHE: '1' };
  return spawnSync(process.execPath, ['bin/crit', ...args], { cwd: root, env, encoding: 'utf8' });
}

/**
 * Dumps and restores processes of its own: what that compiles need not be compiled while a real process is stopped.
 * Where it cannot be done (another system, no root), the engines only start slower.
 */
async function warmEngines() {
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
    run(['dump', '-t', String(shell.pid), '-R', ...images]);
    if (run(['dump', '-t', String(shell.pid), ...images]).status !== 0) return;
    await ended;
    run(['restore', '-d', ...images]);
  } finally {
    try {
      if (shell.pid) process.kill(-shell.pid, 'SIGKILL');
    } catch {
      // it did not come back
    }
    rmSync(dir, { recursive: true, force: true });
  }
}
