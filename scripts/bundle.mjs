// Bundles the command into dist/cli.cjs and fills V8's code cache for it. Called by scripts/build.mjs.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import path from 'node:path';
import { build } from 'esbuild';
import { warmUp } from './warm-up.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));

/** The licences of what the bundle holds of others, which their texts must go along with. @param {string[]} inputs */
function licences(inputs) {
  const folders = new Set(
    inputs.flatMap((input) => /^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+(?=\/)/.exec(input)?.[0] ?? []),
  );
  const texts = [...folders].sort().map((folder) => {
    const { name, version, license } = JSON.parse(readFileSync(path.join(root, folder, 'package.json'), 'utf8'));
    const file = readdirSync(path.join(root, folder)).find((entry) => /^licen[cs]e/i.test(entry));
    if (!file && license !== 'MIT') throw new Error(`${folder} is bundled and has no text of its licence`);
    const text = file ? readFileSync(path.join(root, folder, file), 'utf8').trim() : `Licence: ${license}`;
    return `${name} ${version}\n\n${text}\n`;
  });
  return `dist/cli.cjs contains these packages.\n\n${texts.join(`\n${'-'.repeat(80)}\n\n`)}`;
}

/** The script and the style of `crit report`'s pages: the command reads them when a page is made. */
async function bundlePage() {
  await build({
    absWorkingDir: root,
    entryPoints: { 'report-page': 'page/main.ts', 'report-page-style': 'page/style.css' },
    outdir: 'dist',
    bundle: true,
    platform: 'browser',
    target: ['chrome111', 'firefox113', 'safari16.4'],
    format: 'iife',
    charset: 'ascii',
    minify: true,
    legalComments: 'none',
    logLevel: 'warning',
  });
  const script = readFileSync(path.join(root, 'dist/report-page.js'), 'latin1');
  // it would end the element that it stands in
  if (/<\/script|<!--/i.test(script)) throw new Error("the page's script has what ends a script element");
}

export async function bundle() {
  await bundlePage();
  const { metafile } = await build({
    metafile: true,
    absWorkingDir: root,
    entryPoints: ['src/cli/main.ts'],
    outfile: 'dist/cli.cjs',
    bundle: true,
    platform: 'node',
    target: 'node20',
    // import() of Node's own modules would need a module loader, which a script has not.
    supported: { 'dynamic-import': false },
    charset: 'ascii',
    // CommonJS: Node reads one file and starts no ESM loader. Dynamic imports become lazily run parts of it.
    format: 'cjs',
    minifySyntax: true,
    minifyWhitespace: true,
    legalComments: 'eof',
    logLevel: 'warning',
    define: {
      'import.meta.url': '__crit.url',
      'import.meta.dirname': '__dirname',
      'import.meta.filename': '__filename',
    },
    banner: { js: 'const __crit={get url(){return require("node:url").pathToFileURL(__filename).href}};' },
  });
  writeFileSync(path.join(root, 'dist/LICENSES.txt'), licences(Object.keys(metafile.inputs)));
  await warmUp(root);
}
