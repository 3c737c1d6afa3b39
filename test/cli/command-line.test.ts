import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, describe, it } from 'node:test';
import { fixture, projectPath } from '../project-path.js';
import { crit } from './run-crit.js';

const dir = mkdtempSync(path.join(tmpdir(), 'crit-line-'));
after(() => rmSync(dir, { recursive: true }));

describe('bin/crit', () => {
  const expected = crit(['show', fixture('tree/pstree.img')]).stdout;

  it('runs through a symbolic link, from anywhere, on relative paths', () => {
    const link = path.join(dir, 'crit');
    symlinkSync(projectPath('bin/crit'), link);
    const { stdout } = spawnSync(link, ['show', 'pstree.img'], {
      cwd: fixture('tree'),
      env: { PATH: process.env['PATH'] },
    });
    assert.ok(stdout.equals(expected));
  });

  it('tells its version', () => {
    const { version } = JSON.parse(readFileSync(projectPath('package.json'), 'utf8')) as { version: string };
    assert.equal(crit(['--version']).stdout.toString(), `crit ${version} (images of CRIU 4.2)\n`);
  });

  it('has help with examples for every command', () => {
    for (const command of ['show', 'decode', 'encode', 'info', 'x', 'completion']) {
      const { status, stdout } = crit([command, '--help']);
      assert.equal(status, 0);
      assert.match(stdout.toString(), new RegExp(`Examples:\\n +crit ${command} `));
    }
    const help = crit(['--help']).stdout.toString();
    for (const command of ['dump', 'restore', 'check', 'show', 'decode', 'encode', 'info', 'x', 'completion'])
      assert.match(help, new RegExp(`^  ${command} +\\w`, 'm'));
    assert.equal(crit(['help']).stdout.toString(), help);
    for (const command of ['show', 'dump'])
      assert.deepEqual(crit(['help', command]).stdout, crit([command, '--help']).stdout);
    assert.deepEqual(crit(['version']).stdout, crit(['--version']).stdout);
    assert.match(crit(['help', 'shwo']).stderr, /^crit: help: unknown command "shwo" \(did you mean show\?\)/);
  });

  it('has help for dump, restore and check apart, folded to 80 columns', () => {
    const [dump = '', restore = '', check = ''] = ['dump', 'restore', 'check'].map((command) =>
      crit([command, '--help']).stdout.toString(),
    );
    assert.ok(/--tree PID/.test(dump) && !/restore-detached|--feature/.test(dump));
    assert.ok(/restore-detached/.test(restore) && !/--tree PID|--feature/.test(restore));
    assert.ok(/--feature NAME/.test(check) && !/--tree PID|restore-detached/.test(check));
    const narrow = crit(['dump', '--help'], { env: { PATH: process.env['PATH'], COLUMNS: '60' } }).stdout.toString();
    for (const [text, width] of [
      [dump, 80],
      [restore, 80],
      [check, 80],
      [narrow, 60],
      ...['--help', 'show', 'decode', 'encode', 'x', 'info'].map(
        (about) => [crit(about === '--help' ? [about] : [about, '--help']).stdout.toString(), 80] as const,
      ),
    ] as const)
      for (const line of text.split('\n')) assert.ok(line.length <= width || line.startsWith('  crit '), line);
    // What can be done comes first.
    assert.ok(dump.indexOf('not supported yet') > dump.indexOf('Examples:'));
  });

  it('is quiet when its reader goes away', () => {
    const script = `"$0" show "$1" | head -c 10 >/dev/null; echo "\${PIPESTATUS[0]}"`;
    const { stdout, stderr } = spawnSync('bash', [
      '--norc',
      '-c',
      script,
      projectPath('bin/crit'),
      fixture('tree/files.img'),
    ]);
    assert.equal(stderr.toString(), '');
    assert.equal(stdout.toString(), '0\n');
  });

  it('waits for a slow reader of a non-blocking pipe', () => {
    const script = `
import os, subprocess, sys, time
r, w = os.pipe()
os.set_blocking(w, False)
p = subprocess.Popen(sys.argv[1:], stdout=w)
os.close(w)
total = 0
while True:
    time.sleep(0.001)
    piece = os.read(r, 4096)
    if not piece: break
    total += len(piece)
print(p.wait(), total)
`;
    const image = fixture('tree/files.img');
    const size = crit(['show', image]).stdout.length;
    const { stdout } = spawnSync('python3', ['-c', script, projectPath('bin/crit'), 'show', image], {
      encoding: 'utf8',
    });
    assert.equal(stdout, `0 ${size}\n`);
  });
});

describe('a wrong command line ends with one line and a hint', () => {
  const cases: readonly (readonly [args: readonly string[], line: RegExp])[] = [
    [[], /^crit: no command given: try 'crit show IMAGE', or see 'crit --help'$/],
    [['shwo'], /^crit: unknown command "shwo" \(did you mean show\?\); see 'crit --help'$/],
    [['restroe'], /^crit: unknown command "restroe" \(did you mean restore\?\); see 'crit --help'$/],
    [['--frob'], /^crit: unknown option --frob; see 'crit --help'$/],
    [['show'], /^crit: show: missing IMAGE; see 'crit show --help'$/],
    [['show', 'a', 'b'], /^crit: show: one argument too many: "b"; see 'crit show --help'$/],
    [
      ['show', 'a', '--nople'],
      /^crit: show: unknown option --nople \(did you mean --nopl\?\); see 'crit show --help'$/,
    ],
    [['decode', '-i'], /^crit: decode: -i needs a value \(IMAGE\); see 'crit decode --help'$/],
    [['x', 'dir'], /^crit: x: missing WHAT: one of ps, fds, mems, rss, sk; see 'crit x --help'$/],
    [
      ['x', 'dir', 'fsd'],
      /^crit: x: "fsd" is not one of ps, fds, mems, rss, sk \(did you mean fds\?\); see 'crit x --help'$/,
    ],
    [['show', '/nonexistent'], /^crit: \/nonexistent: .*no such file.*$/i],
    [['show', '.', '--nopl'], /^crit: \.: is a directory, and --nopl is about one image$/],
    [['decode', '-i', '/dev/zero'], /^crit: \/dev\/zero: .+$/],
    [['decode', '-i', projectPath('bin')], /^crit: \/.+\/bin: .*directory.*$/],
    [['decode', '-i', projectPath('LICENSE')], /^crit: \/.+\/LICENSE: .+$/],
    [['encode', '-i', projectPath('LICENSE')], /^crit: \/.+\/LICENSE: .+$/],
    [
      ['decode', '-i', fixture('tree/pstree.img'), '-o', '/nonexistent/x'],
      /^crit: \/nonexistent\/x: cannot be written: there is no directory \/nonexistent$/,
    ],
  ];
  for (const [args, pattern] of cases) {
    it(`crit ${args.join(' ').replaceAll(projectPath(), '')}`, () => {
      const { status, stdout, stderr } = crit(args);
      assert.equal(status, 1);
      assert.equal(stdout.toString(), '');
      assert.match(stderr, /^[^\n]+\n$/);
      assert.match(stderr.trimEnd(), pattern);
    });
  }
});
