import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { describe, it } from 'node:test';
import { getopt } from '../../../src/cli/criu/getopt.js';

/** What a command line is taken for: options as `name=argument`, `!` for a negation, then the words. */
function parsed(argv: readonly string[], env: NodeJS.ProcessEnv = {}): string {
  const options: string[] = [];
  const given = getopt(argv, env);
  for (;;) {
    const step = given.next();
    if (step.done) return `${options.join(' ')} | ${step.value.join(' ')}`;
    const { option, negated, argument } = step.value;
    options.push(`${negated ? '!' : ''}${option.name}${argument === undefined ? '' : `=${argument}`}`);
  }
}

const ACCEPTED: readonly (readonly [line: string, taken: string])[] = [
  ['dump -t 5', 'tree=5 | dump'],
  ['dump -t5', 'tree=5 | dump'],
  ['dump --tree 5', 'tree=5 | dump'],
  ['dump --tree=5', 'tree=5 | dump'],
  ['-t 5 dump -D x', 'tree=5 images-dir=x | dump'],
  ['restore -dv4', 'restore-detached verbosity=4 | restore'],
  ['restore -vd', 'verbosity=d | restore'],
  ['restore -vvvv', 'verbosity=vvv | restore'],
  ['restore -v 4', 'verbosity | restore 4'],
  ['restore --verbosity=4', 'verbosity=4 | restore'],
  ['restore --verbosity 4', 'verbosity | restore 4'],
  ['restore -dSD x', 'restore-detached restore-sibling images-dir=x | restore'],
  ['restore --shell', 'shell-job | restore'],
  ['restore --no-shell', '!shell-job | restore'],
  ['restore --tls', 'tls | restore'],
  ['dump --pid x', 'pidfile=x | dump'],
  ['dump -o -', 'log-file=- | dump'],
  ['dump -o -x', 'log-file=-x | dump'],
  ['restore --exec-cmd -- ls -d', 'exec-cmd | restore ls -d'],
  ['restore - -d', 'restore-detached | restore -'],
  ['restore -- -d', ' | restore -d'],
];

const REFUSED: readonly (readonly [line: string, message: RegExp])[] = [
  ['dump --nonsense', /unknown option --nonsense/],
  ['dump --tre=', /^$/],
  ['dump --leave', /option --leave is ambiguous: --leave-running, --leave-stopped/],
  ['dump --restore', /ambiguous: --restore-detached, --restore-sibling/],
  ['dump --l', /ambiguous/],
  ['dump --', /^$/],
  ['dump -z', /unknown option -z$/],
  ['dump -dz', /unknown option -z in -dz/],
  ['dump -t', /option -t needs an argument/],
  ['dump --tree', /option --tree needs an argument/],
  ['restore --shell-job=yes', /option --shell-job takes no argument/],
  ['restore --no-shell-job=', /option --no-shell-job takes no argument/],
  ['restore --shel-job', /is --shell-job meant/],
  ['restore --no-tree', /unknown option --no-tree/],
];

const words = (line: string): string[] => line.split(' ');

describe("CRIU's command line", () => {
  for (const [line, taken] of ACCEPTED)
    it(`takes "${line}"`, () => {
      assert.equal(parsed(words(line)), taken);
    });

  for (const [line, message] of REFUSED)
    it(message.source === '^$' ? `has nothing against "${line}"` : `refuses "${line}"`, () => {
      if (message.source === '^$') parsed(words(line));
      else assert.throws(() => parsed(words(line)), { code: 'USAGE', message });
    });

  it('ends its options at the first word when POSIXLY_CORRECT is set', () => {
    assert.equal(parsed(words('-d restore -S'), { POSIXLY_CORRECT: '' }), 'restore-detached | restore -S');
  });

  it('yields what stands before a mistake', () => {
    const given = getopt(['-V', '--nonsense'], {});
    assert.equal(given.next().done, false);
    assert.throws(() => given.next());
  });
});

describe(
  'CRIU itself',
  { skip: process.env['CRIU'] ? false : 'the variable CRIU names no CRIU to compare with' },
  () => {
    const criu = process.env['CRIU'] ?? '';

    /** The first thing that CRIU complains of; with -V in front it prints its version when the rest is well-formed. */
    const complaint = (line: string): string => {
      const { stderr } = spawnSync(criu, ['--no-default-config', ...words(line), '-V'], { encoding: 'utf8', env: {} });
      return /: ((?:unrecognized|invalid|option).*)/.exec(stderr)?.[1] ?? '';
    };

    for (const [line] of ACCEPTED)
      // words behind -- are no options for it either, and -o would take -V
      if (!line.includes('--exec') && !line.includes('-- '))
        it(`takes "${line}" too`, () => {
          assert.equal(complaint(line), '');
        });
    for (const [line, message] of REFUSED)
      if (message.source !== '^$' && !line.endsWith('-t') && !line.endsWith('--tree'))
        it(`refuses "${line}" too`, () => {
          assert.notEqual(complaint(line), '');
        });
  },
);
