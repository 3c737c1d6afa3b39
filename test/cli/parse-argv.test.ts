import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Command } from '../../src/cli/command.js';
import { closest } from '../../src/cli/closest.js';
import { parseArgv } from '../../src/cli/parse-argv.js';

const command: Command = {
  name: 'sample',
  describe: '',
  positionals: [
    { name: 'dir', describe: '' },
    { name: 'what', describe: '', choices: ['ps', 'fds'] },
  ],
  options: [
    { name: 'in', alias: 'i', type: 'string', describe: '' },
    { name: 'pretty', type: 'boolean', describe: '' },
    { name: 'payload', type: 'boolean', describe: '' },
  ],
  examples: [],
  run: () => 0,
};

describe('parseArgv', () => {
  const options = (...argv: string[]): object | undefined => parseArgv(command, ['d', 'ps', ...argv])?.options;

  it('takes the forms of getopt', () => {
    assert.deepEqual(options('-i', 'x'), { in: 'x' });
    assert.deepEqual(options('-ix'), { in: 'x' });
    assert.deepEqual(options('--in', 'x'), { in: 'x' });
    assert.deepEqual(options('--in=x', '--pretty'), { in: 'x', pretty: true });
    assert.deepEqual(options('--pr'), { pretty: true });
    assert.deepEqual(parseArgv(command, ['--', '-d', 'fds'])?.positionals, { dir: '-d', what: 'fds' });
  });

  for (const argv of [['--p'], ['--nope'], ['-i'], ['--in='], ['--pretty=1'], ['third'], ['-h'], ['--help']]) {
    it(`leaves ${argv.join(' ')} to yargs`, () => assert.equal(options(...argv), undefined));
  }

  it('takes words that may be left out, many words, and options given several times', () => {
    const many: Command = {
      ...command,
      positionals: [
        { name: 'dir', describe: '' },
        { name: 'what', describe: '', choices: ['ps', 'fds'], optional: true },
        { name: 'rest', describe: '', optional: true, many: true },
      ],
      options: [{ name: 'env', type: 'string', describe: '', many: true }],
    };
    const parsed = (...argv: string[]) => parseArgv(many, argv);
    assert.deepEqual(parsed('d'), { positionals: { dir: 'd' }, words: [], options: {}, values: {} });
    assert.deepEqual(parsed('d', 'ps', '--env', 'A=1', 'x', '--env=B=2', 'y'), {
      positionals: { dir: 'd', what: 'ps' },
      words: ['x', 'y'],
      options: { env: 'B=2' },
      values: { env: ['A=1', 'B=2'] },
    });
    assert.equal(parsed(), undefined);
    assert.equal(parsed('d', 'nope'), undefined);
    assert.equal(parsed('d', 'ps', ''), undefined);
  });

  it('leaves a choice that is none, and a missing word, to yargs', () => {
    assert.equal(parseArgv(command, ['d', 'nope']), undefined);
    assert.equal(parseArgv(command, ['d']), undefined);
    assert.equal(parseArgv(command, ['', 'ps']), undefined);
  });
});

describe('closest', () => {
  it('finds what was probably meant, and nothing for what is far off', () => {
    assert.equal(closest('shwo', ['show', 'decode']), 'show');
    assert.equal(closest('--pretyt', ['--pretty', '--in']), '--pretty');
    assert.equal(closest('frobnicate', ['show', 'decode']), undefined);
  });
});
