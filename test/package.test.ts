import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { describe, it } from 'node:test';
import { projectPath } from './project-path.js';

interface Manifest {
  readonly name: string;
  readonly dependencies: Readonly<Record<string, string>>;
  readonly bin: Readonly<Record<string, string>>;
}
const manifest = JSON.parse(readFileSync(projectPath('package.json'), 'utf8')) as Manifest;

/** What npm would pack. */
function packed(): string[] {
  const { status, stdout, stderr } = spawnSync(
    'npm',
    ['pack', '--dry-run', '--ignore-scripts', '--json', '--offline'],
    {
      cwd: projectPath(),
      encoding: 'utf8',
      timeout: 300_000,
    },
  );
  assert.equal(status, 0, stderr);
  const [{ files }] = JSON.parse(stdout) as [{ files: { path: string }[] }];
  return files.map((file) => file.path);
}

describe('the package', () => {
  const files = packed();

  it('has what it needs, and nothing that leads nowhere', () => {
    for (const file of [
      'bin/crit',
      'bin/crit.cjs',
      'bin/code-cache.cjs',
      'dist/cli.cjs',
      'dist/report-page.js',
      'dist/report-page-style.css',
      'dist/LICENSES.txt',
      'dist/src/index.js',
      'dist/src/index.d.ts',
      'scripts/install.mjs',
      'scripts/build-native.mjs',
      'scripts/warm-up.mjs',
      'native/addon/addon.cc',
      'binding.gyp',
    ])
      assert.ok(files.includes(file), file);
    assert.deepEqual(
      files.filter((file) => /\.map$|\.cache$|^dist\/src\/cli\/|^dist\/test/.test(file)),
      [],
    );
  });

  it('depends on what its library imports and its addon is built with, no more', () => {
    const imported = new Set<string>();
    for (const file of files.filter((name) => /^dist\/src\/.*\.js$/.test(name)))
      for (const [, name] of readFileSync(projectPath(file), 'utf8').matchAll(
        /^(?:import|export) .*from ['"]([^'".][^'"]*)['"];$/gm,
      ))
        if (!name!.startsWith('node:') && !builtinModules.includes(name!)) imported.add(name!);
    assert.deepEqual(Object.keys(manifest.dependencies).sort(), [...imported, 'node-addon-api'].sort());
  });

  it("has a name that is not another package's, and the licences of what it bundles", () => {
    assert.equal(manifest.name, 'crit-checkpoint');
    assert.deepEqual(Object.keys(manifest.bin), ['crit']);
    const licences = readFileSync(projectPath('dist/LICENSES.txt'), 'utf8');
    for (const name of ['chalk', 'yargs', 'cli-table3']) assert.match(licences, new RegExp(`^${name} [\\d.]+$`, 'm'));
    assert.match(licences, /Permission is hereby granted/);
  });
});
