// Do the tests bite? Makes random one-operator changes in src/dump, src/restore and src/task, one at a time, and tells which
// of them no test notices: node scripts/mutate.mjs [--seed N] [--count N] [--in PATH] [--all], as root, after a build.
// It works in a copy of the project, and in a PID namespace of its own: a changed crit may end whom it likes. By default it runs
// the tests that concern the changed file; with --all every test.
import { spawn, spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import ts from 'typescript';

const project = fileURLToPath(new URL('..', import.meta.url));
const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    count: { type: 'string', default: '20' },
    in: { type: 'string', default: '' },
    all: { type: 'boolean', default: false },
  },
});

/**
 * Tests by what they concern; the first row that matches counts. Only such as depend on no time limit of a busy machine, and
 * pass in a PID namespace, which has no kernel threads.
 */
const CONCERNED = [
  ['src/task/', ['task', 'arch', 'system/workloads.test.js', 'system/waiting.test.js']],
  ['src/dump/', ['dump', 'system/workloads.test.js', 'system/clocks.test.js', 'system/sockets.test.js']],
  [
    'src/restore/files/',
    ['restore', 'system/workloads.test.js', 'system/reopened-files.test.js', 'system/sockets.test.js'],
  ],
  [
    'src/restore/',
    [
      'restore',
      'system/workloads.test.js',
      'system/clocks.test.js',
      'system/own-pids.test.js',
      'system/sandbox.test.js',
    ],
  ],
];
/** A change may make crit wait for ever. */
const LONGEST_MS = 20 * 60_000;

const SWAPPED = new Map(
  [
    ['<', '<='],
    ['>', '>='],
    ['===', '!=='],
    ['&&', '||'],
    ['+', '-'],
  ].flatMap(([a, b]) => [
    [a, b],
    [b, a],
  ]),
);

/** All changes of one operator in a file. @param {string} file @param {string} text */
function changesIn(file, text) {
  /** @type {{ file: string, start: number, end: number, by: string }[]} */
  const changes = [];
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.ESNext, true);
  /** @param {ts.Node} node @param {string} by */
  const change = (node, by) => changes.push({ file, start: node.getStart(source), end: node.getEnd(), by });
  /** @param {ts.Node} node */
  const isText = (node) => ts.isStringLiteralLike(node) || ts.isTemplateExpression(node);
  /** @param {ts.Node} node */
  const visit = (node) => {
    if (ts.isTypeNode(node) || ts.isImportDeclaration(node) || ts.isTypeAliasDeclaration(node)) return;
    if (ts.isBinaryExpression(node)) {
      const by = SWAPPED.get(node.operatorToken.getText(source));
      if (by !== undefined && !isText(node.left) && !isText(node.right)) change(node.operatorToken, by);
    } else if (ts.isPrefixUnaryExpression(node) && node.operator === ts.SyntaxKind.ExclamationToken) {
      change(node, node.operand.getText(source));
    } else if (ts.isNumericLiteral(node)) {
      change(node, String(Number(node.text) + 1));
    } else if (ts.isExpressionStatement(node) && ts.isCallExpression(node.expression)) {
      if (node.expression.expression.kind !== ts.SyntaxKind.SuperKeyword) change(node, ';');
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  return changes;
}

/** Numbers that a seed gives (mulberry32). @param {number} seed */
function random(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let x = Math.imul(state ^ (state >>> 15), state | 1);
    x ^= x + Math.imul(x ^ (x >>> 7), x | 61);
    return ((x ^ (x >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** The compiler, told of one changed file at a time. @param {string} root */
function compiler(root) {
  const config = ts.parseJsonConfigFileContent(
    ts.readConfigFile(path.join(root, 'tsconfig.json'), ts.sys.readFile).config,
    ts.sys,
    root,
  );
  /** @type {Map<string, number>} */
  const versions = new Map();
  const service = ts.createLanguageService({
    ...ts.sys,
    getScriptFileNames: () => config.fileNames,
    getScriptVersion: (file) => String(versions.get(file) ?? 0),
    getScriptSnapshot: (file) => {
      const text = ts.sys.readFile(file);
      return text === undefined ? undefined : ts.ScriptSnapshot.fromString(text);
    },
    getCurrentDirectory: () => root,
    getCompilationSettings: () => config.options,
    getDefaultLibFileName: ts.getDefaultLibFilePath,
    useCaseSensitiveFileNames: () => true,
  });
  /** Writes its JavaScript. @param {string} file @returns {boolean} whether its types are right */
  return (file) => {
    versions.set(file, (versions.get(file) ?? 0) + 1);
    for (const { name, text } of service.getEmitOutput(file).outputFiles) writeFileSync(name, text);
    return service.getSemanticDiagnostics(file).length === 0;
  };
}

/** @type {import('node:child_process').ChildProcess | undefined} */
let running;

/** The name of the first test that fails, or undefined. @param {string} root @param {readonly string[]} tests */
function firstFailure(root, tests) {
  return new Promise((resolve) => {
    // a shell waits for orphans, as the first process of a namespace has to
    const inside = ['--pid', '--fork', '--kill-child', '--mount-proc', 'sh', '-c', '"$@"; exit $?', 'sh'];
    const command = [process.execPath, 'scripts/test.mjs', '--test-reporter=tap', ...tests];
    const child = spawn('unshare', [...inside, ...command], {
      cwd: root,
      env: { ...process.env, TMPDIR: path.join(root, 'tmp') },
      stdio: ['ignore', 'pipe', 'ignore'],
      timeout: LONGEST_MS,
      killSignal: 'SIGKILL',
    });
    running = child;
    let output = '';
    const end = (/** @type {string | undefined} */ result) => {
      child.kill('SIGKILL');
      resolve(result);
    };
    child.stdout.setEncoding('utf8').on('data', (text) => {
      output += text;
      const failed = /^ *not ok \d+ - (.*)\n/m.exec(output)?.[1];
      if (failed !== undefined) end(failed);
    });
    child.on('exit', (status, signal) => end(status === 0 ? undefined : `the tests end with ${signal ?? status}`));
  });
}

const copy = mkdtempSync(path.join(os.tmpdir(), 'crit-mutants-'));
process.on('exit', () => {
  running?.kill('SIGKILL');
  rmSync(copy, { recursive: true, force: true });
});
for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM'])) process.on(signal, () => process.exit(1));
for (const name of readdirSync(project))
  if (name === 'node_modules') symlinkSync(path.join(project, name), path.join(copy, name));
  else if (name !== '.git') cpSync(path.join(project, name), path.join(copy, name), { recursive: true });
mkdirSync(path.join(copy, 'tmp'));

const changes = ['src/dump', 'src/restore', 'src/task']
  .flatMap((room) =>
    readdirSync(path.join(copy, room), { recursive: true, encoding: 'utf8' }).map((name) => path.join(room, name)),
  )
  .filter((file) => file.endsWith('.ts') && !file.includes('/generated/') && file.startsWith(values.in))
  .sort()
  .flatMap((file) => changesIn(file, readFileSync(path.join(copy, file), 'utf8')));
const compile = compiler(copy);
const next = random(Number(values.seed));
const survivors = [];
console.log(`seed ${values.seed}, ${changes.length} changes to choose from`);
for (let i = 0; i < Number(values.count); i++) {
  const { file, start, end, by } = changes[Math.floor(next() * changes.length)];
  const source = path.join(copy, file);
  const text = readFileSync(source, 'utf8');
  const line = text.slice(0, start).split('\n').length;
  const what = `${file}:${line}: ${text.slice(start, end).replace(/\s+/g, ' ')} becomes ${by}`;
  writeFileSync(source, text.slice(0, start) + by + text.slice(end));
  let failure = compile(source) ? undefined : 'its types are wrong';
  if (failure === undefined) {
    const { status } = spawnSync(process.execPath, ['-e', 'import("./scripts/bundle.mjs").then((m) => m.bundle())'], {
      cwd: copy,
    });
    if (status !== 0) failure = 'crit does not start';
  }
  const tests = values.all ? [] : CONCERNED.find(([room]) => file.startsWith(room))[1];
  failure ??= await firstFailure(copy, tests);
  if (failure === undefined) survivors.push(what);
  console.log(failure === undefined ? `survives: ${what}` : `noticed: ${what} (${failure})`);
  writeFileSync(source, text);
  compile(source);
}
console.log(`${survivors.length} of ${values.count} survive`);
process.exitCode = survivors.length > 0 ? 1 : 0;
