import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, statSync } from 'node:fs';
import path from 'node:path';

/** The package's root: the compiled tests run from dist/test. */
export const ROOT = path.resolve(import.meta.dirname, '../..');
export const CRIT = path.join(ROOT, 'bin/crit');

const SOURCES = path.join(ROOT, 'test/programs');
const sourceOf = (name: string) => path.join(SOURCES, `${name}.c`);
const changedMs = (file: string) => (existsSync(file) ? statSync(file).mtimeMs : 0);

/** All programs of test/programs. */
export const programs = (): string[] =>
  readdirSync(SOURCES)
    .filter((file) => file.endsWith('.c'))
    .map((file) => file.slice(0, -2))
    .sort();

/** Those that hold a resource and verify it themselves: wl.h has what they have in common. */
export const workloads = (): string[] =>
  programs().filter((name) => readFileSync(sourceOf(name), 'utf8').includes('#include "wl.h"'));

/** Comment lines at the top of a program: "// options: ..." and so on. */
export const headLines = (name: string): ReadonlyMap<string, string> =>
  new Map(
    [...readFileSync(sourceOf(name), 'utf8').matchAll(/^\/\/ ([a-z-]+):\s*(.*)$/gm)].map(
      ([, key, value]) => [key!, value!] as const,
    ),
  );

/** What programs have in common. */
const headers = (): string[] =>
  readdirSync(SOURCES)
    .filter((file) => file.endsWith('.h'))
    .map((file) => path.join(SOURCES, file));

/** Compiles test/programs/NAME.c once. @returns the program's path */
export function program(name: string): string {
  const out = path.join(ROOT, 'dist/test-programs', name);
  if (changedMs(out) < Math.max(changedMs(sourceOf(name)), ...headers().map(changedMs))) {
    mkdirSync(path.dirname(out), { recursive: true });
    // tests of other files may want it at the same time
    const made = `${out}.${process.pid}`;
    execFileSync('gcc', ['-O1', '-Wall', '-Wno-unused-result', '-o', made, sourceOf(name), '-lpthread']);
    renameSync(made, out);
  }
  return out;
}
