// Builds the native part: the blob and the stub (checked by what follows), then the addon with node-gyp.
// Elsewhere than Linux on a processor that native/puppet/arch knows, and where there is no compiler, nothing is built:
// decode, encode and inspect work without it. npm shows nothing of an install script that ends well, so the reason is also
// written down, for the error of the first dump.
import { execFileSync } from 'node:child_process';
import { accessSync, constants, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import path from 'node:path';

const root = fileURLToPath(new URL('..', import.meta.url));
const ARCHES = { x64: 'x86_64' };
const BLOB_BUDGET_BYTES = 2048;

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

const puppet = path.join(root, 'native/puppet');
const out = path.join(root, 'build/puppet');
mkdirSync(out, { recursive: true });
rmSync(reasonFile, { force: true });
const run = (command, args) => execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });

const flags = [
  '-Os',
  '-std=gnu11',
  '-Wall',
  '-Wextra',
  ...(isProject ? ['-Werror'] : []), // a newer compiler's warning is no user's trouble
  '-ffreestanding', // no libc is there
  '-fPIC', // runs wherever there is a hole
  '-fvisibility=hidden', // no GOT
  '-fno-stack-protector', // the canary would be read through the task's own TLS
  '-fno-jump-tables', // a jump table would be a relocation
  '-fno-tree-loop-distribute-patterns', // no calls of memcpy made out of loops
  '-fno-asynchronous-unwind-tables',
  '-mgeneral-regs-only', // must not touch the task's FP state
  '-fcf-protection=none', // no endbr: the blob is entered by setting registers
  '-fno-lto',
  '-I',
  puppet,
  '-I',
  path.join(puppet, 'arch', arch),
];

/** A blob must be nothing but code: refuse whatever a loader would have to do. */
function checkBlob(elf, bin) {
  // The linker has resolved everything; what it resolved must have been relative to the code itself.
  for (const line of run('readelf', ['-rW', path.join(out, 'check.elf')]).split('\n')) {
    const type = /\bR_X86_64_\w+/.exec(line)?.[0];
    if (type && !/_(PC32|PLT32)$/.test(type)) throw new Error(`the blob has a relocation: ${line.trim()}`);
  }
  const undefinedSymbols = run('nm', ['-u', elf]).trim();
  if (undefinedSymbols) throw new Error(`the blob has undefined symbols: ${undefinedSymbols}`);
  for (const line of run('readelf', ['-SW', elf]).split('\n')) {
    const match = /\]\s+(\.forbidden|\.data|\.bss|\.got)\S*\s+\S+\s+\S+\s+\S+\s+([0-9a-f]+)/.exec(line);
    if (match && parseInt(match[2], 16) > 0) throw new Error(`the blob has writable data: ${line.trim()}`);
  }
  const size = readFileSync(bin).length;
  if (size === 0 || size > BLOB_BUDGET_BYTES)
    throw new Error(`the blob has ${size} bytes, its budget is ${BLOB_BUDGET_BYTES}`);
  return size;
}

const object = (source, name) => {
  const file = path.join(out, name);
  run(cc, [...flags, '-c', source, '-o', file]);
  return file;
};

const blobObjects = [
  object(path.join(puppet, 'arch', arch, 'entry.S'), 'entry.o'),
  object(path.join(puppet, 'puppet.c'), 'puppet.o'),
];
const blobElf = path.join(out, 'puppet.elf');
const blobBin = path.join(out, 'puppet.bin');
run('ld', [
  '-T',
  path.join(puppet, 'puppet.lds'),
  '--no-warn-rwx-segments',
  '--emit-relocs',
  ...blobObjects,
  '-o',
  path.join(out, 'check.elf'),
]);
run('ld', ['-T', path.join(puppet, 'puppet.lds'), ...blobObjects, '-o', blobElf]);
run('objcopy', ['-O', 'binary', '-j', '.text', blobElf, blobBin]);
const size = checkBlob(blobElf, blobBin);

const stub = path.join(out, 'stub');
run('ld', [
  '-static',
  '-z',
  'noexecstack',
  '-Ttext=0x10000',
  object(path.join(puppet, 'stub.c'), 'stub.o'),
  '-o',
  stub,
]);
run('strip', ['-s', stub]);
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
