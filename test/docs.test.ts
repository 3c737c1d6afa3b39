import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';
import { projectPath } from './project-path.js';

const read = (file: string): string => readFileSync(projectPath(file), 'utf8');
const pages = readdirSync(projectPath('docs'))
  .filter((name) => name.endsWith('.md'))
  .map((name) => `docs/${name}`);

/** The anchor that a heading gets, as GitHub makes it. */
const anchorOf = (heading: string): string =>
  heading
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
    .replaceAll(' ', '-');

const anchorsOf = (file: string): string[] =>
  [...read(file).matchAll(/^#+ (.*)$/gm)].map(([, heading]) => anchorOf(heading!));

describe('the documentation', () => {
  it('has every page in a table of the README', () => {
    const rows = read('README.md')
      .split('\n')
      .filter((line) => line.startsWith('|'));
    for (const page of [...pages, 'CONTRIBUTING.md'])
      assert.ok(
        rows.some((row) => row.startsWith(`| [${page}](${page}) `)),
        page,
      );
  });

  it('has no link that leads nowhere', () => {
    for (const page of [...pages, 'README.md', 'CONTRIBUTING.md'])
      for (const [, target] of read(page).matchAll(/\]\(([^)\s]+)\)/g)) {
        if (/^https?:/.test(target!)) continue;
        const [name, anchor] = target!.split('#');
        const file = name === '' ? page : path.join(path.dirname(page), name!);
        assert.ok(existsSync(projectPath(file)), `${page}: ${target}`);
        if (anchor !== undefined) assert.ok(anchorsOf(file).includes(anchor), `${page}: ${target}`);
      }
  });
});
