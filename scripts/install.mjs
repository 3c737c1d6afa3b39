// What npm runs after it has unpacked crit: builds the native part. In a package that was installed, and is no project to
// work on, it also fills the code caches for this Node, and has the command start by bin/crit where there is a /bin/sh.
import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, renameSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import path from 'node:path';

const root = fileURLToPath(new URL('..', import.meta.url));
const { status } = spawnSync(process.execPath, [path.join(root, 'scripts/build-native.mjs')], { stdio: 'inherit' });
if (status !== 0) process.exit(status ?? 1);

if (!existsSync(path.join(root, 'src/cli'))) {
  if (process.platform !== 'win32') {
    // a new file: the old one may be a hard link into a package manager's store
    const fresh = path.join(root, 'bin/crit.new');
    copyFileSync(path.join(root, 'bin/crit'), fresh);
    renameSync(fresh, path.join(root, 'bin/crit.cjs'));
  }
  try {
    const { warmUp } = await import('./warm-up.mjs');
    await warmUp(root);
  } catch (error) {
    console.error(`crit: starts without code caches: ${error instanceof Error ? error.message : String(error)}`);
  }
}
