// Runs the compiled tests: node scripts/test.mjs [PATH...], paths below dist/test; all of them without one.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { run } from 'node:test';
import * as reporters from 'node:test/reporters';
import os from 'node:os';
import path from 'node:path';

const root = fileURLToPath(new URL('..', import.meta.url));
const dist = path.join(root, 'dist/test');

/** A compiled test whose source is gone must not run on. @param {string} file */
const hasSource = (file) => existsSync(path.join(root, 'test', `${path.relative(dist, file).slice(0, -3)}.ts`));

/** Files that take minutes begin first: they would run on alone when all others have ended. */
const LONG = [
  'differ/differ',
  'system/kill',
  'system/failures',
  'system/one-set',
  'system/commit',
  'system/servers',
  'system/daemons',
];
/** @param {string} file */
const isLong = (file) => LONG.some((name) => file.endsWith(`${name}.test.js`));

/** @param {string} place @returns {string[]} */
function testsIn(place) {
  if (statSync(place).isFile()) return [place];
  return readdirSync(place, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.test.js'))
    .map((name) => path.join(place, name))
    .filter(hasSource)
    .sort((a, b) => Number(isLong(b)) - Number(isLong(a)) || (a < b ? -1 : 1));
}

const wanted = process.argv.slice(2).filter((arg) => !arg.startsWith('--'));
const flags = process.argv.slice(2).filter((arg) => arg.startsWith('--'));
const places = wanted.length > 0 ? wanted.map((name) => path.resolve(dist, name)) : [dist];
const files = places.flatMap(testsIn);
if (files.length === 0) throw new Error(`no compiled tests in ${places.join(', ')}: npm run build first`);
// tests wait a good part of their time
const concurrency = Math.min(4, os.availableParallelism() + 1);
if (flags.length > 0) {
  const args = ['--test', `--test-concurrency=${concurrency}`, ...flags, ...files];
  const { status, signal } = spawnSync(process.execPath, args, { cwd: root, stdio: 'inherit' });
  process.exit(signal ? 1 : (status ?? 1));
}
// node --test would sort the files by their names
process.chdir(root);
run({ files, concurrency })
  .on('test:fail', () => {
    process.exitCode = 1;
  })
  .compose(process.stdout.isTTY ? new reporters.spec() : reporters.tap)
  .pipe(process.stdout);
