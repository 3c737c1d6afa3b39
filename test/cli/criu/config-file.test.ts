import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, describe, it } from 'node:test';
import { optionSources, parseConfigLine } from '../../../src/cli/criu/config-file.js';
import { readSettings } from '../../../src/cli/criu/settings.js';

const LINES: readonly (readonly [line: string, word: string | undefined])[] = [
  ['', undefined],
  ['   ', undefined],
  ['# tree 5', undefined],
  ['  # tree 5', undefined],
  ['shell-job', '--shell-job'],
  ['  shell-job  ', '--shell-job'],
  ['shell-job # yes', '--shell-job'],
  ['shell-job#yes', '--shell-job#yes'],
  ['tree 5', '--tree=5'],
  ['tree\t5', '--tree=5'],
  ['tree   5  # five', '--tree=5'],
  ['log-file a#b', '--log-file=a'],
  ['work-dir "/a b"', '--work-dir=/a b'],
  ['work-dir "/a#b" # c', '--work-dir=/a#b'],
  ['work-dir "/a\\"b"', '--work-dir=/a"b'],
  ['work-dir ""', '--work-dir='],
  ['verbosity=4', '--verbosity=4'],
];

const BAD = ['tree 5 6', 'work-dir "/a', 'work-dir "', 'work-dir "/a" b'];

describe('a configuration file', () => {
  const dir = mkdtempSync(path.join(tmpdir(), 'crit-conf-'));
  after(() => {
    rmSync(dir, { recursive: true });
  });
  const write = (name: string, text: string): string => {
    const file = path.join(dir, name);
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(file, text);
    return file;
  };

  for (const [line, word] of LINES)
    it(`reads ${JSON.stringify(line)}`, () => {
      assert.equal(parseConfigLine(line), word);
    });
  for (const line of BAD)
    it(`refuses ${JSON.stringify(line)}, with file and line`, () => {
      const file = write('bad.conf', `shell-job\n${line}\n`);
      assert.throws(() => readSettings(['check', '--config', file], {}), { code: 'USAGE', message: /bad\.conf:2: / });
    });

  it('gives way to what is read later: home, CRIU_CONFIG_FILE, --config, the command line', () => {
    write('home/.criu/default.conf', 'log-file home\ntimeout 1\nghost-limit 1K\nwork-dir home\n');
    const env = {
      HOME: path.join(dir, 'home'),
      CRIU_CONFIG_FILE: write('env.conf', 'timeout 2\nghost-limit 2K\nwork-dir env\n'),
    };
    const read = (...argv: string[]) => {
      const asked = readSettings(['restore', ...argv], env);
      assert.equal(asked.kind, 'run');
      const { logFile, timeoutSec, ghostLimitBytes, workDir } = (
        asked as { settings: { logFile: string; timeoutSec: number; ghostLimitBytes: number; workDir: string } }
      ).settings;
      return { logFile, timeoutSec, ghostLimitBytes, workDir };
    };
    const word = read('-W', 'word');
    assert.deepEqual(word, { logFile: 'home', timeoutSec: 2, ghostLimitBytes: 2048, workDir: 'word' });
    const none = read('--no-default-config');
    assert.deepEqual(none, { logFile: undefined, timeoutSec: 2, ghostLimitBytes: 2048, workDir: 'env' });
    // a file of one's own leaves the default ones out, too
    const own = read(`--config=${write('own.conf', 'ghost-limit 3K\n')}`);
    assert.deepEqual(own, { logFile: undefined, timeoutSec: 2, ghostLimitBytes: 3072, workDir: 'env' });
  });

  it('that is asked for and missing is warned of', () => {
    const warnings: string[] = [];
    const sources = optionSources(['--config', '/nonexistent', 'check'], (text) => warnings.push(text), {});
    assert.equal(sources.length, 1);
    assert.match(warnings.join(), /\/nonexistent does not exist/);
  });

  it('is named when an option in it is wrong', () => {
    const file = write('wrong.conf', 'no-such-thing\n');
    assert.throws(() => readSettings(['check', '--config', file], {}), {
      code: 'USAGE',
      message: /wrong\.conf: unknown option/,
    });
    const later = write('later.conf', 'veth-pair a=b\n');
    assert.throws(() => readSettings(['check', '--config', later], {}), {
      message: /later\.conf: option --veth-pair is not supported yet/,
    });
  });
});
