import { readFileSync } from 'node:fs';
import path from 'node:path';

/** The image format's version that crit keeps to. */
export const CRIU_VERSION = '4.2';

/** What npm calls crit: "crit" is somebody else's package. */
const PACKAGE_NAME = 'crit-checkpoint';

/** What `crit --version` prints. */
export const versionLine = (): string => `crit ${packageVersion()} (images of CRIU ${CRIU_VERSION})`;

/** crit's own version, from the nearest package.json above this file (bundled or not). */
export function packageVersion(): string {
  let dir = typeof __dirname === 'string' ? __dirname : import.meta.dirname;
  for (;;) {
    try {
      const text = readFileSync(path.join(dir, 'package.json'), 'utf8');
      const { name, version } = JSON.parse(text) as { name?: string; version?: string };
      if (name === PACKAGE_NAME && version !== undefined) return version;
    } catch {
      // Not here: look one level up.
    }
    const parent = path.dirname(dir);
    if (parent === dir) return 'unknown';
    dir = parent;
  }
}
