// Do the tests bite? Makes random one-operator changes in src/dump, src/restore and src/task, one at a time, and tells which
// of them no test notices: node scripts/mutate.mjs [--seed N] [--skip N] [--count N] [--in PATH[:LINE]] [--all] [TEST...], as
// root, after a build. It works in a copy of the project, and in a PID namespace of its own: a changed crit may end whom it
// likes. It runs the tests that can see the changed file, the cheapest first (SEEN_BY), or those that are named (below
// dist/test), or with --all every test. What survives is run again with --all: --seed and --skip find it, and so does --in,
// which makes all changes of a line.
import { spawn, spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import ts from 'typescript';

const project = fileURLToPath(new URL('..', import.meta.url));
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    skip: { type: 'string', default: '0' },
    count: { type: 'string', default: '20' },
    in: { type: 'string', default: '' },
    all: { type: 'boolean', default: false },
  },
});

/**
 * The tests that can see a change, in the order in which they are run until one fails. First those that need no process, then
 * the programs of test/programs that hold what the file is about, then the system tests of the same thing; a change that lives
 * through all of them meets every program. Where several rows match, all count. What is named here depends on no time limit of
 * a busy machine and passes in a PID namespace, which has no kernel threads.
 * @type {readonly (readonly [file: RegExp, programs: string, tests: readonly string[]])[]}
 */
const SEEN_BY = [
  [/dump\/set\/|image-sink/, 'tree', ['system/one-set.test.js']],
  [/tty|hung-up|job-|shell/, 'tty|stopped-job', ['system/shell-job.test.js']],
  [/clock/, 'clocks|timer', ['system/clocks.test.js']],
  [/timer/, 'timer', ['system/clocks.test.js']],
  [/restart|timed-call|time-limit|sleepers|resume-call|wake-up/, 'waiting|timeouts', ['system/waiting.test.js']],
  [/cgroup/, 'cgroup', ['system/cgroups.test.js']],
  [
    /unix|socket|peek|peer|queue/,
    'unix-|socket-|signal-of-file',
    ['system/sockets.test.js', 'system/in-flight.test.js'],
  ],
  [/pipe|fifo/, 'pipe|fifo', ['system/in-flight.test.js']],
  [/inotify|handle-path/, 'inotify', ['system/inotify.test.js']],
  [/epoll|eventfd|signalfd|memfd|pidfd/, 'epoll|eventfd|memfd|watches|pidfd', []],
  [
    /regular|file|ghost|link|name|build-id|appear|look-up|open|owner/,
    'files|ghost|link-remap|dirs|exe|cwd',
    ['system/reopened-files.test.js'],
  ],
  [/fd-ranks|kernel-order|descriptor|slots|place/, 'fds2000|shared-fds|files', ['system/numbers.test.js']],
  [
    /mm\.|vma|page|mem|shm|address-space|lock-future|mempolicy|runs|fill|snapshot/,
    'mem-|stack',
    ['system/huge-pages.test.js'],
  ],
  [
    /creds|landlock|security|prctl|settings|sched|rlimit/,
    'creds|prctl|rlimits|thread-attributes|timerslack',
    ['system/sandbox.test.js'],
  ],
  [/signal|sigaction/, 'signal|pending', []],
  [
    /tree|birth|zombie|orphan|sharing|rings|plan|pid/,
    'tree|orphan|zombies|session|shared|subreaper',
    ['system/own-pids.test.js'],
  ],
  [/refuse|check|target|survey|obstacle/, 'refused', ['system/failures.test.js', 'system/dry-dump.test.js']],
  [
    /core|register|rseq|robust|task\b|borrow|freeze|puppet|stub/,
    'fpu|threads|rseq|stopped|loop',
    ['system/waiting.test.js'],
  ],
];
/** A bit of everything. */
const ANY = 'tree|files|threads|prctl|mem-cow|signals|pipes';

/** @param {string} file @returns {readonly (readonly string[])[]} arguments of scripts/test.mjs */
function testsFor(file) {
  const rows = SEEN_BY.filter(([what]) => what.test(file.replace('/files/', '/')));
  const programs = [...rows.map(([, names]) => names), ...(rows.length > 0 ? [] : [ANY])].join('|');
  const room = file.split('/')[1] ?? '';
  return [
    [room, 'arch', 'image'],
    ['system/workloads.test.js', `--test-name-pattern=/^(?:\\S*-)?(?:${programs})/`],
    ...rows.flatMap(([, , tests]) => tests).map((test) => [test]),
    ['system/workloads.test.js'],
  ];
}
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
      env: { ...process.env, TMPDIR: path.join(root, 'tmp'), CRIT_KILLS: '15' },
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

/** @param {string} file @param {number} at */
const lineOf = (file, at) => readFileSync(path.join(copy, file), 'utf8').slice(0, at).split('\n').length;
const [within, onlyLine] = values.in.split(':');
let changes = ['src/dump', 'src/restore', 'src/task']
  .flatMap((room) =>
    readdirSync(path.join(copy, room), { recursive: true, encoding: 'utf8' }).map((name) => path.join(room, name)),
  )
  .filter((file) => file.endsWith('.ts') && !file.includes('/generated/') && file.startsWith(within))
  .sort()
  .flatMap((file) => changesIn(file, readFileSync(path.join(copy, file), 'utf8')));
if (onlyLine !== undefined) changes = changes.filter(({ file, start }) => lineOf(file, start) === Number(onlyLine));
const compile = compiler(copy);
const next = random(Number(values.seed));
for (let i = 0; i < Number(values.skip); i++) next();
const survivors = [];
console.log(`seed ${values.seed}, ${changes.length} changes to choose from`);
const count = onlyLine === undefined ? Number(values.count) : changes.length;
for (let i = 0; i < count; i++) {
  const { file, start, end, by } = changes[onlyLine === undefined ? Math.floor(next() * changes.length) : i];
  const source = path.join(copy, file);
  const text = readFileSync(source, 'utf8');
  const what = `${Number(values.skip) + i} ${file}:${lineOf(file, start)}: ${text.slice(start, end).replace(/\s+/g, ' ')} becomes ${by}`;
  writeFileSync(source, text.slice(0, start) + by + text.slice(end));
  let failure = compile(source) ? undefined : 'its types are wrong';
  if (failure === undefined) {
    const { status } = spawnSync(process.execPath, ['-e', 'import("./scripts/bundle.mjs").then((m) => m.bundle())'], {
      cwd: copy,
    });
    if (status !== 0) failure = 'crit does not start';
  }
  for (const tests of values.all ? [[]] : positionals.length > 0 ? [positionals] : testsFor(file))
    failure ??= await firstFailure(copy, tests);
  if (failure === undefined) survivors.push(what);
  console.log(failure === undefined ? `survives: ${what}` : `noticed: ${what} (${failure})`);
  writeFileSync(source, text);
  compile(source);
}
console.log(`${survivors.length} of ${count} survive`);
process.exitCode = survivors.length > 0 ? 1 : 0;
