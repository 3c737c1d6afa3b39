// Builds the native part: the blob and the stub (checked by what follows), then the addon with node-gyp.
// Elsewhere than Linux on a processor that native/puppet/arch knows, and where there is no compiler, nothing is built:
// decode, encode and inspect work without it. npm shows nothing of an install script that ends well, so the reason is also
// written down, for the error of the first dump.
import { execFileSync } from 'node:child_process';
import { accessSync, constants, existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import path from 'node:path';
import { BLOB_BUDGET_BYTES, buildPuppet } from './build-puppet.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const ARCHES = { x64: 'x86_64' };

/** Not a package that was installed, but the project: a build that fails is a failure. */
const isProject = existsSync(path.join(root, 'src/cli'));
const reasonFile = path.join(root, 'build/not-built.txt');

/** Ends without a native part, which is no failure. @param {string} reason */
function withoutNative(reason) {
  rmSync(path.join(root, 'build'), { recursive: true, force: true });
  mkdirSync(path.dirname(reasonFile));
  writeFileSync(reasonFile, `${reason}\n`);
  console.error(
    `crit: built without its native part: ${reason}. Images can be read, edited and written; crit cannot dump`,
  );
  console.error('crit: and restore processes, which needs Linux on x86_64, gcc, g++, make, python3 and binutils.');
  process.exit(0);
}

/** @param {string} command */
const isThere = (command) =>
  (command.includes('/') ? [''] : (process.env.PATH ?? '').split(path.delimiter)).some((dir) => {
    try {
      accessSync(path.join(dir, command), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });

const arch = ARCHES[process.arch];
if (process.platform !== 'linux' || !arch) withoutNative(`there is none for ${process.platform} on ${process.arch}`);
const cc = process.env.CC ?? 'gcc';
const tools = [cc, process.env.CXX ?? 'g++', 'make', 'python3', 'ld', 'nm', 'objcopy', 'readelf', 'strip'];
const missing = tools.filter((tool) => !isThere(tool.split(' ')[0]));
if (missing.length > 0) withoutNative(`${missing.join(', ')} ${missing.length > 1 ? 'are' : 'is'} missing`);
if (!isProject)
  process.on('uncaughtException', (error) =>
    withoutNative(`it cannot be built: ${String(error.message).split('\n')[0]}`),
  );

const out = path.join(root, 'build/puppet');
mkdirSync(out, { recursive: true });
rmSync(reasonFile, { force: true });
const { run, size } = buildPuppet({ arch, cc, prefix: '', out, strict: isProject });
run(cc, ['-O1', '-pthread', path.join(root, 'native/rehearsal/rehearsal.c'), '-o', path.join(out, 'rehearsal')]);
run(cc, ['-O1', path.join(root, 'native/stand-in/stand-in.c'), '-o', path.join(out, 'stand-in')]);
console.log(`blob: ${size} of ${BLOB_BUDGET_BYTES} bytes`);

if (!process.argv.includes('--puppet-only')) {
  const gyp = path.join(root, 'node_modules/node-gyp/bin/node-gyp.js');
  const [command, args] = existsSync(gyp) ? [process.execPath, [gyp]] : ['node-gyp', []];
  // node-gyp clears build/, so what stands there is moved out of its way
  const aside = path.join(root, '.puppet-built');
  renameSync(out, aside);
  try {
    // Node's own headers, where they are installed with it: no download
    const prefix = path.resolve(process.execPath, '../..');
    const nodedir = existsSync(path.join(prefix, 'include/node/node_api.h')) ? [`--nodedir=${prefix}`] : [];
    execFileSync(command, [...args, 'rebuild', '--loglevel=error', ...nodedir], { cwd: root, stdio: 'inherit' });
  } finally {
    mkdirSync(path.join(root, 'build'), { recursive: true });
    renameSync(aside, out);
  }
}
