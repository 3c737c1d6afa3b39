import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { describe, it } from 'node:test';
import { fixture } from '../project-path.js';
import { crit } from './run-crit.js';

describe('crit completion', () => {
  const script = crit(['completion', 'bash']).stdout.toString();

  /** What bash would offer at the end of a command line. */
  const offers = (line: string, cwd = fixture('tree')): string[] => {
    const words = line.split(' ');
    const run = `${script}\nCOMP_WORDS=(${words.map((word) => `'${word}'`).join(' ')}); COMP_CWORD=${words.length - 1}; _crit; printf '%s\\n' "\${COMPREPLY[@]}"`;
    return execFileSync('bash', ['--norc', '-c', run], { encoding: 'utf8', cwd }).split('\n').filter(Boolean);
  };

  it("offers commands, CRIU's among them", () => {
    assert.deepEqual(offers('crit de'), ['decode', 'dedup']);
    assert.deepEqual(offers('crit rest'), ['restore']);
  });

  it('offers the options of the command', () => {
    assert.deepEqual(offers('crit decode --pre'), ['--pretty']);
    assert.deepEqual(offers('crit x . --'), ['--json', '--help']);
  });

  it('offers files where a file is wanted, views where a view is', () => {
    assert.deepEqual(offers('crit show pstree'), ['pstree.img']);
    assert.deepEqual(offers('crit decode -i pstree'), ['pstree.img']);
    assert.deepEqual(offers('crit x . f'), ['fds']);
  });

  it('knows bash and zsh only', () => {
    assert.match(crit(['completion', 'zsh']).stdout.toString(), /bashcompinit/);
    const fish = crit(['completion', 'fish']);
    assert.equal(fish.status, 1);
    assert.match(fish.stderr, /^crit: completion: "fish" is not one of bash, zsh; see .*\n$/);
  });
});
