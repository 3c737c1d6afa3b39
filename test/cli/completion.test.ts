import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, describe, it } from 'node:test';
import { OPTIONS } from '../../src/cli/criu/option-table.js';
import { fixture, projectPath } from '../project-path.js';
import { COMMAND_NAMES } from '../../src/cli/commands.js';
import { crit } from './run-crit.js';

const dir = mkdtempSync(path.join(tmpdir(), 'crit-completion-'));
after(() => rmSync(dir, { recursive: true }));
mkdirSync(path.join(dir, 'a b'));
for (const name of ['a b/f 1.img', 'a b/fs.img', "it's"]) writeFileSync(path.join(dir, name), '');

const quoted = (word: string): string => `'${word.replaceAll("'", "'\\''")}'`;

describe('crit completion bash', () => {
  const script = crit(['completion', 'bash']).stdout.toString();

  /** What bash would offer for the last word of a command line, whose words are as they were typed. */
  const offered = (words: readonly string[], cwd = dir): string[] => {
    const run = `${script}\nCOMP_WORDS=(${words.map(quoted).join(' ')}); COMP_CWORD=${words.length - 1}; _crit; printf '%s\\n' "\${COMPREPLY[@]}"`;
    return execFileSync('bash', ['--norc', '-c', run], { encoding: 'utf8', cwd }).split('\n').filter(Boolean);
  };
  const offers = (line: string, cwd?: string): string[] => offered(line.split(' '), cwd);

  it('offers the commands that there are', () => {
    assert.deepEqual(offers('crit de'), ['decode']);
    assert.deepEqual(offers('crit rest'), ['restore']);
    assert.deepEqual(offers('crit help du'), ['dump']);
    assert.deepEqual(offers('crit pre'), [], 'not yet');
  });

  it('offers the options of the command, those of CRIU too', () => {
    assert.deepEqual(offers('crit decode --pre'), ['--pretty']);
    assert.deepEqual(offers('crit x . --'), ['--json', '--help']);
    assert.deepEqual(offers('crit dump --tr'), ['--tree']);
    assert.deepEqual(offers('crit -t 5 dump --lea'), ['--leave-running', '--leave-stopped']);
    assert.deepEqual(offers('crit restore --no-shell'), ['--no-shell-job']);
    const all = ['dump', 'restore', 'check'].flatMap((command) => offers(`crit ${command} --`));
    for (const option of OPTIONS) assert.equal(all.includes(`--${option.name}`), option.support === 'yes', option.name);
  });

  it('offers files where a file is wanted, directories, views and features where they are', () => {
    const tree = fixture('tree');
    assert.deepEqual(offers('crit show pstree', tree), ['pstree.img']);
    assert.deepEqual(offers('crit decode -i pstree', tree), ['pstree.img']);
    assert.deepEqual(offers('crit x . f', tree), ['fds']);
    assert.deepEqual(offers('crit check --feature memfd_h'), ['memfd_hugetlb']);
    assert.deepEqual(offers('crit dump -D '), ['a b']);
    assert.deepEqual(offers('crit dump --images-dir ='), ['a b']);
    assert.deepEqual(offers('crit dump --images-dir = a'), ['a b']);
    assert.ok(offers(`crit dump -t ${process.pid}`).includes(String(process.pid)) || process.platform !== 'linux');
  });

  it('offers names with spaces and quotes', () => {
    assert.deepEqual(offered(['crit', 'show', 'a']), ['a b']);
    assert.deepEqual(offered(['crit', 'show', 'a\\ b/f']), ['a b/f 1.img', 'a b/fs.img']);
    assert.deepEqual(offered(['crit', 'show', '"a b/f']), ['a b/f 1.img', 'a b/fs.img']);
    assert.deepEqual(offered(['crit', 'show', 'it']), ["it's"]);
  });

  it('has a shell put them into the line so that they are one word', () => {
    const typist = `
import os, pty, select, sys, time
pid, terminal = pty.fork()
if pid == 0:
    os.environ['PS1'] = 'PROMPT:'
    os.execvp('bash', ['bash', '--norc', '--noprofile'])
screen = b''
def type(text):
    global screen
    screen = b''
    os.write(terminal, text.encode())
def look(until, seconds=60):
    global screen
    end = time.time() + seconds
    while time.time() < end and not until():
        if select.select([terminal], [], [], 0.05)[0]: screen += os.read(terminal, 4096)
def prompted(): look(lambda: b'PROMPT:' in screen)
crit = sys.argv[1]
type('crit() { printf "%s|" "$@" > said; }\\n')
prompted()
type('source script\\n')
prompted()
for keys in ('crit show a\\tf\\\\ \\t\\n', 'crit show "a b/fs\\t\\n', 'crit show i\\t\\n', 'crit dump -D a\\t\\n'):
    if os.path.exists('said'): os.unlink('said')
    type(keys)
    look(lambda: os.path.exists('said') and os.path.getsize('said'))
    prompted()
    print(open('said').read() if os.path.exists('said') else 'nothing')
type('exit\\n'); os.waitpid(pid, 0)
`;
    writeFileSync(path.join(dir, 'script'), script);
    const { stdout, stderr } = spawnSync('python3', ['-c', typist, projectPath('bin/crit')], {
      cwd: dir,
      encoding: 'utf8',
      env: { PATH: process.env['PATH'], TERM: 'dumb' },
      timeout: 120_000,
      killSignal: 'SIGKILL',
    });
    rmSync(path.join(dir, 'script'));
    rmSync(path.join(dir, 'said'), { force: true });
    assert.deepEqual(
      stdout.trim().split('\n'),
      ['show|a b/f 1.img|', 'show|a b/fs.img|', "show|it's|", 'dump|-D|a b/|'],
      stderr,
    );
  });
});

describe('crit completion', () => {
  it('knows bash, zsh and fish', () => {
    assert.match(crit(['completion', 'zsh']).stdout.toString(), /bashcompinit/);
    const tcsh = crit(['completion', 'tcsh']);
    assert.equal(tcsh.status, 1);
    assert.match(tcsh.stderr, /^crit: completion: "tcsh" is not one of bash, zsh, fish; see .*\n$/);
  });

  it('offers in fish what it offers in bash', () => {
    const script = crit(['completion', 'fish']).stdout.toString();
    // options of crit's own commands may be called like some of CRIU's
    const own = new RegExp(`from (${COMMAND_NAMES.join('|')})'`);
    const lines = script.split('\n').filter((line) => !own.test(line));
    for (const option of OPTIONS)
      assert.equal(
        lines.some((line) => line.includes(` -l ${option.name} `)),
        option.support === 'yes',
        option.name,
      );
    assert.match(script, /__fish_seen_subcommand_from dump' -l tree -s t -x -a '\(__fish_complete_pids\)'/);
    assert.match(script, /'ps fds mems rss sk'/);
    const fish = spawnSync('fish', ['--no-execute'], { input: script, encoding: 'utf8' });
    if (!fish.error) assert.equal(fish.status, 0, fish.stderr);
  });
});
