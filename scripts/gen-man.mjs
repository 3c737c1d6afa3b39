// Writes the manual page dist/crit.1 from the tables of commands and options. Needs a build; scripts/build.mjs runs it.
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import path from 'node:path';

const root = fileURLToPath(new URL('..', import.meta.url));
const { manPage } = await import(new URL('../dist/src/cli/man-page.js', import.meta.url).href);
const { allCommands } = await import(new URL('../dist/src/cli/commands.js', import.meta.url).href);
const { version } = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8'));
writeFileSync(path.join(root, 'dist/crit.1'), manPage(await allCommands(), version));
