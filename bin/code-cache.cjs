'use strict';
// V8's code cache where there is none beside the bundle for this version of Node: it is read from, and at the end of a run
// written to, a directory that nobody but crit's user can write. A cache is code.
const {
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} = require('node:fs');
const path = require('node:path');

/** Commands whose run compiles what is worth keeping. */
const KEEP = new Set(['show', 'decode', 'encode', 'info', 'x', 'dump', 'restore']);

/** Whether a file or directory is this user's, and no other user can write it. @param {string} file */
function isOurs(file) {
  const { uid, mode } = lstatSync(file);
  return process.platform === 'win32' || (uid === process.geteuid() && (mode & 0o022) === 0);
}

/** This user's own directory for caches, made when it is missing; root trusts none below a HOME that may be a user's. */
function ownFolder() {
  if (process.platform !== 'win32' && process.geteuid() === 0) return undefined;
  const { LOCALAPPDATA, XDG_CACHE_HOME, HOME } = process.env;
  const base = process.platform === 'win32' ? LOCALAPPDATA : (XDG_CACHE_HOME ?? (HOME && path.join(HOME, '.cache')));
  if (!base || !path.isAbsolute(base)) return undefined;
  const folder = path.join(base, 'crit');
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  return isOurs(folder) ? folder : undefined;
}

/** The cache beside a bundle: for this version of Node alone, which rejects the caches of others. */
const beside = (bundle, name) => path.join(path.dirname(bundle), `${name}-${process.version}-${process.arch}.cache`);

/** Where the cache of a bundle goes: beside it, if that is ours, else where its name says what it was made from. */
function placeOf(bundle, name) {
  const place = beside(bundle, name);
  if (isOurs(path.dirname(bundle)) && isOurs(bundle)) return place;
  const folder = ownFolder();
  const { size, mtimeMs } = statSync(bundle);
  return folder && path.join(folder, `${path.basename(place, '.cache')}-${size}-${Math.trunc(mtimeMs)}.cache`);
}

/** Written beside and renamed; those of other versions go. */
function write(place, name, data) {
  const made = `${place}.${process.pid}`;
  try {
    writeFileSync(made, data, { flag: 'wx', mode: 0o644 });
    renameSync(made, place);
  } finally {
    rmSync(made, { force: true });
  }
  const folder = path.dirname(place);
  for (const old of readdirSync(folder))
    if (old.startsWith(`${name}-`) && old.endsWith('.cache') && old !== path.basename(place))
      rmSync(path.join(folder, old));
}

/** Has what a run has compiled written at its end, if it is a good one. */
function keep(script, place, name) {
  process.on('exit', (status) => {
    if (status !== 0) return;
    try {
      // A dump sets this flag; V8 rejects a cache that was made under other flags.
      require('node:v8').setFlagsFromString('--lazy-feedback-allocation');
      write(place, name, script.createCachedData());
    } catch {
      // A full disk, a read-only directory: the next start is as slow as this one.
    }
  });
  return script;
}

/** The cache beside the bundle is made. */
exports.keepBeside = (script, bundle, name) => keep(script, beside(bundle, name), name);

/**
 * Compiles the bundle with a cache that this user has made, and has one made at the end of the run if there is none.
 * @param {(cachedData?: Buffer) => import('node:vm').Script} compile
 * @param {string} bundle
 * @param {string} name of the cache: cli, dump, restore
 * @param {readonly string[]} argv
 */
exports.compileWithOwnCache = (compile, bundle, name, argv) => {
  let place;
  let cachedData;
  try {
    place = placeOf(bundle, name);
    if (place && isOurs(place)) cachedData = readFileSync(place);
  } catch {
    // There is none yet, or no place for one.
  }
  const script = compile(cachedData);
  return !cachedData && place && argv.some((word) => KEEP.has(word)) ? keep(script, place, name) : script;
};
