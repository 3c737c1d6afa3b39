import { ANY_CONTROLLER } from '../../../src/image/cgroup-mode.js';
import { defaultValues, type OptionValues } from '../../../src/cli/criu/option-values.js';
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { LATER_COMMANDS } from '../../../src/cli/criu/command-table.js';
import { helpText, writtenAs } from '../../../src/cli/criu/help.js';
import { OPTIONS } from '../../../src/cli/criu/option-table.js';
import { readSettings, type Settings } from '../../../src/cli/criu/settings.js';
import { projectPath } from '../../project-path.js';

function settings(line: string): Settings {
  const asked = readSettings(line.split(' '), {});
  if (asked.kind !== 'run') assert.fail(`"${line}" only asks for ${asked.kind}`);
  return asked.settings;
}

const SETS: readonly (readonly [line: string, expected: Partial<Settings>])[] = [
  ['dump -t 7', { command: 'dump', tree: 7, imagesDir: '.', verbosity: 2, timeoutSec: 10, ghostLimitBytes: 1 << 20 }],
  ['dump -t 7 -R', { finalState: 'running' }],
  ['dump -t 7 -s', { finalState: 'stopped' }],
  ['dump -t 7 -R -s', { finalState: 'stopped' }],
  ['dump -t 7 -sR', { finalState: 'running' }],
  ['dump -t 7 -v', { verbosity: 3 }],
  ['dump -t 7 -vv', { verbosity: 4 }],
  ['dump -t 7 -v -v', { verbosity: 4 }],
  ['dump -t 7 -v0', { verbosity: 0 }],
  ['dump -t 7 --verbosity=3', { verbosity: 3 }],
  ['dump -t 7 --ghost-limit 100', { ghostLimitBytes: 100 }],
  ['dump -t 7 --ghost-limit 3K', { ghostLimitBytes: 3072 }],
  ['dump -t 7 --ghost-limit=2M', { ghostLimitBytes: 2 << 20 }],
  ['dump -t 7 --ghost-limit 8G', { ghostLimitBytes: 8 * 2 ** 30 }],
  ['dump -t 7 --timeout 0', { timeoutSec: 0 }],
  ['dump -t 7 --manage-cgroups=ignore', { cgroups: cgroups({ mode: 'ignore' }) }],
  ['restore --manage-cgroups', { cgroups: cgroups({ mode: 'soft' }) }],
  ['restore --manage-cgroups=strict', { cgroups: cgroups({ mode: 'strict' }) }],
  [
    'restore --cgroup-root /a --cgroup-root pids:/b --cgroup-yard /y',
    {
      cgroups: cgroups({
        roots: new Map([
          [ANY_CONTROLLER, '/a'],
          ['pids', '/b'],
        ]),
        yard: '/y',
      }),
    },
  ],
  [
    'dump -t 7 --cgroup-dump-controller cpu --cgroup-dump-controller pids',
    { cgroups: cgroups({ only: new Set(['cpu', 'pids']) }) },
  ],
  [
    'dump -t 7 --link-remap --evasive-devices --display-stats',
    { linkRemap: true, evasiveDevices: true, displayStats: true },
  ],
  ['dump -t 7 -j --no-shell-job', { shellJob: false }],
  ['dump -t 7 --action-script a --action-script b', { scripts: ['b', 'a'] }],
  [
    'restore -dSj -D x -W y -o z --pidfile p',
    { detached: true, sibling: true, shellJob: true, imagesDir: 'x', workDir: 'y', logFile: 'z', pidfile: 'p' },
  ],
  ['restore --exec-cmd -- ls -l', { execCmd: ['ls', '-l'] }],
  ['restore --dry-run', { dryRun: true }],
  ['check --all', { extra: true, experimental: true }],
  ['check --all --no-extra', { extra: false, experimental: true }],
  ['check --feature uffd', { features: ['uffd'] }],
  ['restore --no-tcp-close --no-tls', { command: 'restore' }],
];

function cgroups(given: Partial<OptionValues['cgroups']>): OptionValues['cgroups'] {
  return { ...defaultValues().cgroups, ...given };
}

const REFUSED: readonly (readonly [line: string, message: RegExp])[] = [
  ['dump', /dump needs -t PID/],
  ['restore --manage-cgroups=hard', /"hard" is no mode: ignore, none, props, soft, full, strict are/],
  ['restore --cgroup-root pids:b', /is not \[CONTROLLER:\]\/PATH/],
  ['restore --cgroup-root /a/../b', /is not \[CONTROLLER:\]\/PATH/],
  ['dump -t 7 --cgroup-props-file /nowhere/at/all', /no such file/],
  ['dump -t 7 --external blob[1]', /is not TYPE\[ID\]:NAME with a type of/],
  ['restore --inherit-fd 3:x', /is not fd\[N\]:NAME/],

  ['dump -t abc', /-t: "abc" is not a process id/],
  ['dump -t 0', /not a process id/],
  ['dump -t -5', /not a process id/],
  ['dump -t 99999999999', /not a process id/],
  ['dump --tree=', /--tree: "" is not a process id/],
  ['dump -t 7 -D ', /-D needs an argument that is not empty/],
  ['dump -t 7 -vx', /level/],
  ['dump -t 7 --ghost-limit 1T', /size/],
  ['dump -t 7 --ghost-limit -1', /size/],
  ['dump -t 7 --timeout soon', /number/],
  ['check --dry-run', /--dry-run is for dump and restore/],
  ['dump -t 7 --json -o -', /both want standard output/],
  ['dump -t 7 --exec-cmd ls', /--exec-cmd is for restore/],
  ['restore -S', /only makes sense with --restore-detached/],
  ['restore --exec-cmd', /needs a command/],
  ['restore -d --exec-cmd ls', /exclude each other/],
  ['restore now', /takes no argument "now"/],
  ['-d', /a command is missing/],
  ['frobnicate', /unknown command/],
  ['exec', /exec is gone/],
];

describe("what CRIU's options set", () => {
  for (const [line, expected] of SETS)
    it(line, () => {
      const all = settings(line);
      for (const [key, value] of Object.entries(expected)) assert.deepEqual(all[key as keyof Settings], value, key);
    });
  for (const [line, message] of REFUSED)
    it(`refuses "${line}"`, () => {
      assert.throws(() => readSettings(line.split(' '), {}), { code: 'USAGE', message });
    });

  it('is help or the version when that is asked for, whatever else is wrong', () => {
    assert.equal(readSettings(['dump', '--nonsense', '-h'], {}).kind, 'help');
    assert.equal(readSettings(['dump', '-V', '--nonsense'], {}).kind, 'version');
    assert.equal(readSettings(['restore', '--exec-cmd', '--', 'ls', '-h'], {}).kind, 'run');
  });

  it('warns of what has no effect', () => {
    const warnings = (line: string) => {
      const asked = readSettings(line.split(' '), {});
      return asked.kind === 'run' ? asked.warnings.join() : '';
    };
    assert.match(warnings('restore -t 5'), /-t means nothing/);
    assert.match(warnings('restore -d -s -j'), /SIGHUP/);
    assert.equal(warnings('restore -d -j'), '');
  });
});

describe('every option of the table', () => {
  it('is understood when it is called supported', () => {
    const without = OPTIONS.filter(({ support, set }) => support === 'yes' && !set).map(({ name }) => name);
    assert.deepEqual(without, ['config', 'no-default-config', 'help', 'version']);
  });

  for (const option of OPTIONS.filter(({ support }) => support !== 'yes')) {
    const forms = [`--${option.name}`, ...(option.short ? [`-${option.short}`] : [])];
    for (const form of forms)
      it(`${form} is refused by name`, () => {
        const argument = option.argument === 'required' ? ['x'] : [];
        assert.throws(() => readSettings(['restore', form, ...argument], {}), {
          code: 'USAGE',
          message: `option ${form} is not supported yet`,
        });
      });
  }

  for (const command of LATER_COMMANDS)
    it(`the command ${command} is refused by name`, () => {
      assert.throws(() => readSettings([command], {}), { message: `${command} is not supported yet` });
    });

  it('is in docs/criu-options.md, with what is said of it here', () => {
    const rows = readFileSync(projectPath('docs/criu-options.md'), 'utf8')
      .split('\n')
      .filter((line) => line.startsWith('| `'))
      .map((line) => line.split('|').map((cell) => cell.trim()));
    const expected = OPTIONS.map((option) => [
      `\`${writtenAs(option)}\``,
      option.ours ? "crit's own" : option.support,
      option.what,
    ]);
    assert.deepEqual(
      rows.map((row) => row.slice(1, 4)),
      expected,
    );
  });

  it('is in the help', () => {
    const help = helpText();
    for (const option of OPTIONS) assert.match(help, new RegExp(`--(\\[no-\\])?${option.name}\\b`));
  });

  it("is CRIU's", { skip: process.env['CRIU'] ? false : 'the variable CRIU names no CRIU to compare with' }, () => {
    const known = (argv: readonly string[]) => {
      const { stderr } = spawnSync(process.env['CRIU'] ?? '', ['--no-default-config', ...argv, '-V'], {
        encoding: 'utf8',
        env: {},
      });
      return !/unrecognized option|invalid option|ambiguous/.test(stderr);
    };
    for (const option of OPTIONS) {
      assert.equal(known([`--${option.name}`]), !option.ours, option.name);
      const abbreviates = OPTIONS.some(
        (other) => other !== option && other.negatable && other.name.startsWith(option.name),
      );
      if (!abbreviates) assert.equal(known([`--no-${option.name}`]), option.negatable === true, `--no-${option.name}`);
      if (option.short) assert.ok(known([`-${option.short}`]), option.short);
    }
    const { stdout } = spawnSync(process.env['CRIU'] ?? '', ['-h'], { encoding: 'utf8' });
    const names = new Set(OPTIONS.map((option) => option.name));
    for (const [, name = ''] of stdout.matchAll(/^ .*?--([a-z][a-z-]+)/gm))
      assert.ok(names.has(name) || names.has(name.replace(/^no-/, '')) || name === 'no-', name);
  });
});
