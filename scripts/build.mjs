// Builds all of crit but the native part (scripts/build-native.mjs, run by npm install): generated sources, JavaScript and
// type declarations in dist/, the bundled command in dist/cli.cjs, its manual page. With --release without source maps: the package that
// npm packs has no sources.
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import path from 'node:path';

const root = fileURLToPath(new URL('..', import.meta.url));
/** @param {string} script @param {string[]} args */
const node = (script, ...args) =>
  execFileSync(process.execPath, [path.join(root, script), ...args], { cwd: root, stdio: 'inherit' });

const release = process.argv.includes('--release') ? ['--sourceMap', 'false'] : [];
try {
  node('scripts/gen-layout.mjs');
  node('scripts/compile-proto.mjs');
  node('node_modules/typescript/bin/tsc', '--project', 'tsconfig.json', ...release);
  node('node_modules/typescript/bin/tsc', '--project', 'page/tsconfig.json');
  node('scripts/gen-man.mjs');
} catch {
  // They have said what is wrong.
  process.exit(1);
}
const { bundle } = await import('./bundle.mjs');
await bundle();
