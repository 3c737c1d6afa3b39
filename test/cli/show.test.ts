import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, describe, it } from 'node:test';
import { fixture, projectPath } from '../project-path.js';
import { crit } from './run-crit.js';

const dir = mkdtempSync(path.join(tmpdir(), 'crit-show-'));
after(() => rmSync(dir, { recursive: true }));

const SETS = readdirSync(fixture());

describe('show and decode print what the Python crit prints', () => {
  for (const set of SETS) {
    for (const image of readdirSync(fixture(set))) {
      const reference = projectPath('fixtures/python-crit', set, `${image}.json`);
      if (!existsSync(reference)) continue;
      it(`${set}/${image}`, () => {
        assert.equal(
          crit(['decode', '-i', fixture(set, image)]).stdout.toString(),
          `${readFileSync(reference, 'utf8')}\n`,
        );
        const shown = readFileSync(reference.replace(/\.json$/, '.show.json'), 'utf8');
        assert.equal(crit(['show', fixture(set, image)]).stdout.toString(), shown);
      });
    }
  }
});

describe('encode', () => {
  it('makes the same bytes of what decode and show print, for every image of a set', () => {
    const set = 'container';
    for (const image of readdirSync(fixture(set)).filter((name) => !name.startsWith('pages-'))) {
      const bytes = readFileSync(fixture(set, image));
      for (const command of [['decode', '-i'], ['show']]) {
        const json = crit([...command, fixture(set, image)]);
        assert.equal(json.stderr, '');
        const back = crit(['encode'], { input: json.stdout });
        assert.equal(back.stderr, '', image);
        assert.ok(back.stdout.equals(bytes), `${set}/${image} by ${command[0] ?? ''}`);
      }
    }
  });

  it('refuses pages, which decode only summarises, with one line', () => {
    const { status, stderr } = crit(['encode'], { input: crit(['show', fixture('ns_mnt/pages-1.img')]).stdout });
    assert.equal(status, 1);
    assert.match(stderr, /^crit: standard input: raw: a pages image is only summarised by decode.*\n$/);
  });
});

describe('standard input and files', () => {
  const image = fixture('tree/pstree.img');
  const json = crit(['decode', '-i', image]).stdout;

  it('decode reads standard input, through a pipe and from a file', () => {
    assert.ok(crit(['decode'], { input: readFileSync(image) }).stdout.equals(json));
    const { stdout } = spawnSync('sh', ['-c', `"$0" decode < "$1"`, projectPath('bin/crit'), image]);
    assert.ok(stdout.equals(json));
  });

  it('raw images are told on standard input by their content', () => {
    const rule = fixture('ns_net_table/rule-9.img');
    const expected = crit(['decode', '-i', rule]).stdout;
    assert.ok(crit(['decode'], { input: readFileSync(rule) }).stdout.equals(expected));
    const { stdout } = spawnSync('sh', ['-c', `"$0" decode < "$1"`, projectPath('bin/crit'), rule]);
    assert.ok(stdout.equals(expected));
  });

  it('-o makes a file of mode 0600, without the newline that standard output gets', () => {
    const out = path.join(dir, 'out.json');
    const { stdout, status } = crit(['decode', '-i', image, '-o', out]);
    assert.equal(status, 0);
    assert.equal(stdout.length, 0);
    assert.equal(`${readFileSync(out, 'utf8')}\n`, json.toString());
    assert.equal(statSync(out).mode & 0o777, 0o600);
    const back = path.join(dir, 'back.img');
    crit(['encode', '-i', out, '-o', back]);
    assert.ok(readFileSync(back).equals(readFileSync(image)));
  });

  it('a failure leaves an older file as it was, and nothing beside it', () => {
    const sub = path.join(dir, 'failure');
    mkdirSync(sub);
    const out = path.join(sub, 'precious');
    writeFileSync(out, 'precious');
    const cut = path.join(dir, 'files.img');
    writeFileSync(cut, readFileSync(fixture('tree/files.img')).subarray(0, -5));
    assert.equal(crit(['decode', '-i', cut, '-o', out]).status, 1);
    assert.equal(crit(['encode', '-o', out], { input: '{"magic": "PSTREE", "entries": [{"pid": "x"}]}' }).status, 1);
    assert.equal(readFileSync(out, 'utf8'), 'precious');
    assert.deepEqual(readdirSync(sub), ['precious']);
  });

  it('-o follows a symbolic link and writes into a device', () => {
    const real = path.join(dir, 'real.json');
    const link = path.join(dir, 'link.json');
    writeFileSync(real, '');
    symlinkSync(real, link);
    crit(['decode', '-i', image, '-o', link]);
    assert.equal(`${readFileSync(real, 'utf8')}\n`, json.toString());
    assert.equal(crit(['decode', '-i', image, '-o', '/dev/null']).status, 0);
    assert.ok(statSync('/dev/null').isCharacterDevice());
  });
});

describe('crit show DIR', () => {
  it('lists images with type, entries and size', () => {
    const { status, stdout } = crit(['show', fixture('ns_mnt')]);
    const lines = stdout.toString().split('\n');
    assert.equal(status, 0);
    assert.match(lines[0] ?? '', /^IMAGE +TYPE +ENTRIES +SIZE$/);
    assert.ok(lines.some((line) => /^tmpfs-dev-41\.tar\.gz\.img +TMPFS_DEV +3 +\d+$/.test(line)));
    assert.ok(lines.some((line) => /^pages-1\.img +PAGES +\d+ +\d+$/.test(line)));
    assert.ok(lines.some((line) => /^pstree\.img +PSTREE +1 +\d+$/.test(line)));
    assert.ok(lines.some((line) => /^stats-dump +STATS +1 +\d+$/.test(line)));
  });

  it('counts as info does', () => {
    const list = JSON.parse(crit(['show', fixture('container'), '--json']).stdout.toString()) as {
      name: string;
      type: string;
      entries: number;
      size: number;
    }[];
    assert.deepEqual(list.map(({ name }) => name).sort(), readdirSync(fixture('container')).sort());
    for (const { name, entries, size } of list) {
      const info = JSON.parse(crit(['info', fixture('container', name)]).stdout.toString()) as {
        magic: string;
        count: number;
      };
      assert.equal(entries, info.count, name);
      assert.equal(size, statSync(fixture('container', name)).size);
    }
  });

  it('names the damaged image and lists the others', () => {
    const copy = path.join(dir, 'copy');
    cpSync(fixture('ns_net_table'), copy, { recursive: true });
    writeFileSync(path.join(copy, 'files.img'), readFileSync(path.join(copy, 'files.img')).subarray(0, -1));
    writeFileSync(path.join(copy, 'dump.log'), 'log\n');
    const { status, stdout, stderr } = crit(['show', copy]);
    assert.equal(status, 1);
    assert.match(stdout.toString(), /^files\.img +FILES +damaged +\d+$/m);
    assert.match(stdout.toString(), /^pstree\.img +PSTREE +1 +\d+$/m);
    assert.doesNotMatch(stdout.toString(), /dump\.log/);
    assert.match(stderr, /^crit: \/.+\/files\.img: [^\n]+\n$/);
  });
});

describe('--recover', () => {
  const cut = path.join(dir, 'rule-9.img');
  writeFileSync(cut, readFileSync(fixture('ns_net_table/rule-9.img')).subarray(0, 200));

  it('is offered for a damaged image', () => {
    const { status, stdout, stderr } = crit(['show', cut]);
    assert.equal(status, 1);
    assert.equal(stdout.length, 0);
    assert.match(
      stderr,
      /^crit: \/.+\/rule-9\.img: entry 3, offset 184, header: [^\n]*; --recover prints what is sound\n$/,
    );
  });

  it('prints what is sound of a raw image, and says what is not', () => {
    const { status, stdout, stderr } = crit(['show', cut, '--recover']);
    assert.equal(status, 1);
    assert.equal((JSON.parse(stdout.toString()) as { raw: { messages: unknown[] } }).raw.messages.length, 3);
    assert.match(stderr, /^crit: \/.+\/rule-9\.img: entry 3, offset 184, [^\n]+\n$/);
    assert.ok(crit(['encode'], { input: stdout }).stdout.equals(readFileSync(cut)));
  });

  it('prints the sound entries of an image', () => {
    const file = path.join(dir, 'core.img');
    writeFileSync(file, readFileSync(fixture('tree/pstree.img')).subarray(0, -3));
    const { status, stdout } = crit(['decode', '-i', file, '--recover']);
    assert.equal(status, 1);
    const { entries } = JSON.parse(stdout.toString()) as { entries: unknown[] };
    const { entries: all } = JSON.parse(crit(['decode', '-i', fixture('tree/pstree.img')]).stdout.toString()) as {
      entries: unknown[];
    };
    assert.deepEqual(entries.slice(0, 7), all.slice(0, 7));
  });
});
