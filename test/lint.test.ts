import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { pathToFileURL } from 'node:url';
import { ESLint, type Linter } from 'eslint';
import tseslint from 'typescript-eslint';
import { projectPath } from './project-path.js';

const { default: config } = (await import(pathToFileURL(projectPath('eslint.config.js')).href)) as {
  default: Linter.Config[];
};

/** The rules of the project's own, as eslint.config.js sets them. */
const eslint = new ESLint({
  cwd: projectPath('.'),
  overrideConfigFile: true,
  overrideConfig: [
    { files: ['**/*.ts'], languageOptions: { parser: tseslint.parser } },
    ...config.filter(({ plugins }) => plugins?.['crit']),
  ],
});

async function rulesAgainst(file: string, text: string): Promise<(string | null)[]> {
  const [result] = await eslint.lintText(text, { filePath: projectPath(file) });
  return result!.messages.map(({ ruleId }) => ruleId);
}

const NEW = 'src/restore/new-file.ts';

describe('the linter refuses', () => {
  for (const [what, rule, file, text] of [
    ['an upward import', 'crit/rooms', NEW, "import { show } from '../cli/show.js';\nshow();"],
    ['an upward import of a type', 'crit/rooms', 'src/task/new.ts', "export type { Task } from '../dump/task.js';"],
    ['an upward import() when it runs', 'crit/rooms', NEW, "await import('../dump/dump.js');"],
    ['an upward import() of a type', 'crit/rooms', NEW, "export type Task = import('../dump/task.js').Task;"],
    ['the addon where images are read', 'crit/rooms', 'src/decode/new.ts', "import '../native/addon.js';"],
    ['another way to the processor than its door', 'crit/rooms', NEW, "import '../arch/x86_64/registers.js';"],
    ['a circle of files', 'crit/circles', 'src/kernel/uapi/mman.ts', "import '../proc/maps.js';"],
    [
      'a circle of types',
      'crit/circles',
      'src/kernel/uapi/mman.ts',
      "import type { MapEntry } from '../proc/maps.js';",
    ],
    ['a constant of the kernel', 'crit/kernel-constants', NEW, 'const PROT_READ = 1;'],
    ['one that is made of others', 'crit/kernel-constants', NEW, 'export const PAGE_IS_FILE = 1 << 2;'],
    ['the number of an error', 'crit/kernel-constants', NEW, 'const EEXIST = -17;'],
    ['a bare Error', 'no-restricted-syntax', NEW, "throw new Error('no');"],
    ['what a batch is doing, for ever', 'no-restricted-syntax', NEW, "globalThis.batch.doing('this');"],
    ['a file of more than 16 kB', 'crit/small-files', NEW, `export const A = 1; // ${'x'.repeat(16_000)}`],
    ['a fact that nobody uses', 'crit/used-exports', 'src/kernel/uapi/new.ts', 'export const NOBODY_USES_THIS = 1;'],
  ] as const)
    it(what, async () => assert.deepEqual(await rulesAgainst(file, text), [rule]));

  it('nothing else', async () => {
    const text = `
import { REG } from '../arch/index.js';
import { PROT_READ } from '../kernel/uapi/mman.js';
const AT_MOST = 17;
export const answers = [REG.ip, PROT_READ, AT_MOST, await import('../task/batch.js')];
throw new RangeError('no');
`;
    assert.deepEqual(await rulesAgainst(NEW, text), []);
  });
});
