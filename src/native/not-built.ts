import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { CritError } from '../image/errors.js';

/** The directory of the package that a module is in, and the package's name. */
function packageOf(dir: string): { root: string; name: string } | undefined {
  for (let at = dir; ; at = path.dirname(at)) {
    const file = path.join(at, 'package.json');
    if (existsSync(path.join(at, 'binding.gyp')) && existsSync(file)) {
      const { name } = JSON.parse(readFileSync(file, 'utf8')) as { name: string };
      return { root: at, name };
    }
    if (at === path.dirname(at)) return undefined;
  }
}

/** Why scripts/build-native.mjs has built nothing; it has written it down. */
function reason(root: string, missing: string): string {
  try {
    return readFileSync(path.join(root, 'build/not-built.txt'), 'utf8').trim();
  } catch {
    return `build/${missing} is missing`;
  }
}

/** The error of whoever needs the native part where there is none. @param missing the file, in build/ */
export function notBuilt(dir: string, missing: string): CritError {
  const found = packageOf(dir);
  const why = found ? reason(found.root, missing) : `build/${missing} is missing`;
  // A package is built where it is used; the project, where it stands.
  const installed = found?.root.split(path.sep).includes('node_modules');
  const command = found && installed ? `npm rebuild ${found.name}` : 'npm ci';
  return new CritError(
    `the native part of crit is not built (${why}): on Linux x86_64, with gcc, g++, make, python3 and binutils, run "${command}"`,
    { code: 'NO_NATIVE' },
  );
}
