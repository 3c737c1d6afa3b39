// Bundles the command into dist/cli.cjs and fills V8's code cache for it. Called by scripts/build.mjs.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
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
    // CommonJS: Node reads one file and starts no ESM loader. Dynamic imports become lazily run parts of it.
    format: 'cjs',
    minifySyntax: true,
    minifyWhitespace: true,
    legalComments: 'eof',
    logLevel: 'warning',
    define: {
      'import.meta.url': '__critUrl',
      'import.meta.dirname': '__dirname',
      'import.meta.filename': '__filename',
    },
    banner: { js: 'const __critUrl=require("node:url").pathToFileURL(__filename).href;' },
  });
  const cache = path.join(root, 'dist/cli.cache');
  rmSync(cache, { force: true });
  for (const args of WARM_UP) {
    const { status, stderr } = run(args);
    if (status !== 0) throw new Error(`bin/crit ${args.join(' ')} ended with ${status}: ${stderr}`);
  }
  warmEngines();
}

/** @param {string[]} args */
function run(args) {
  const env = { ...process.env, CRIT_WRITE_CODE_CACHE: '1' };
  return spawnSync(process.execPath, ['bin/crit', ...args], { cwd: root, env, encoding: 'utf8' });
}

/**
 * Dumps and restores a sleeping process of its own: what that compiles need not be compiled while a real process is
 * stopped. Where it cannot be done (another system, no root), the engines only start slower.
 */
function warmEngines() {
  if (
    process.platform !== 'linux' ||
    process.getuid?.() !== 0 ||
    !existsSync(path.join(root, 'build/Release/crit.node'))
  )
    return;
  const dir = mkdtempSync(path.join(tmpdir(), 'crit-build-'));
  const { pid } = spawn('sleep', ['60'], { detached: true, stdio: 'ignore' });
  try {
    if (run(['dump', '-t', String(pid), '-D', dir, '-R', '-o', 'log']).status !== 0) return;
    if (pid) process.kill(pid, 'SIGKILL');
    // this process does not wait for its child before it returns to its event loop: the pid stays in use
    run(['restore', '-d', '-D', dir, '-o', 'log', '--dry-run']);
  } finally {
    if (pid && existsSync(`/proc/${pid}/exe`)) process.kill(pid, 'SIGKILL');
    rmSync(dir, { recursive: true, force: true });
  }
}
