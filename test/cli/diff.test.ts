import assert from 'node:assert/strict';
import { cpSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, describe, it } from 'node:test';
import { ImageDir } from '../../src/encode/image-dir.js';
import { openCheckpoint } from '../../src/inspect/checkpoint.js';
import { diffCheckpoints } from '../../src/inspect/diff/diff-sets.js';
import { SET_ASIDE } from '../../src/inspect/diff/set-aside.js';
import { messageDef, type MessageName } from '../../src/image/message-def.js';
import { fixture } from '../project-path.js';
import { crit } from './run-crit.js';

const dir = mkdtempSync(path.join(tmpdir(), 'crit-diff-'));
after(() => {
  rmSync(dir, { recursive: true, force: true });
});

const copies = { count: 0 };
/** A copy of a fixture, changed. */
function changed(set: string, change: (images: ImageDir, at: string) => void): string {
  const at = path.join(dir, `${copies.count++}`);
  cpSync(fixture(set), at, { recursive: true });
  change(new ImageDir(at), at);
  return at;
}
const diff = (...args: string[]) => {
  const { status, stdout, stderr } = crit(['diff', ...args]);
  return { status, text: stdout.toString(), stderr };
};

describe('crit diff', () => {
  for (const set of readdirSync(fixture()))
    it(`${set} is the same as itself`, () => {
      const found = diffCheckpoints(openCheckpoint(fixture(set)), openCheckpoint(fixture(set)));
      assert.ok(
        found.isSame,
        JSON.stringify(found, (_, value: unknown) => (typeof value === 'bigint' ? `${value}` : value)),
      );
    });

  it('compares any set with any other', () => {
    const sets = readdirSync(fixture());
    for (const [i, set] of sets.entries()) {
      const other = sets[(i + 1) % sets.length]!;
      const found = diffCheckpoints(openCheckpoint(fixture(set)), openCheckpoint(fixture(other)));
      assert.equal(found.isSame, false, `${set} ${other}`);
    }
  });

  it('tells a limit, a register, a signal and a position in words, with status 1', () => {
    const at = changed('tree', (images) => {
      const core = images.read('CORE', 814);
      const { tc, thread_info } = core.entries[0]!.message;
      tc!.rlimits!.rlimits![7]!.cur = 4096n;
      tc!.sigactions![0]!.sigaction = 1n;
      thread_info!.gpregs.ip = 0x1234n;
      images.write('CORE', 814, core.entries);
      const files = images.read('FILES');
      for (const { message } of files.entries) if (message.reg?.name.endsWith('/out')) message.reg.pos = 99n;
      images.write('FILES', undefined, files.entries);
    });
    const { status, text, stderr } = diff(fixture('tree'), at, '--no-pages');
    assert.deepEqual([status, stderr], [1, '']);
    assert.match(text, /^process 814 \(tree\)$/m);
    assert.match(text, /^ +NOFILE\.cur: 20000 -> 4096$/m);
    assert.match(text, /^ +actions\.SIGHUP\.sigaction: 0x0 -> 0x1$/m);
    assert.match(text, /^ +main\.registers\.gpregs\.ip: 0x[0-9a-f]+ -> 0x1234$/m);
    assert.match(text, /^ +1\.pos: 10 -> 99$/m);
    assert.match(
      diff(fixture('tree'), at, '--stat', '--no-pages').text,
      /^process 814 \(tree\): limits 1, signals 1, threads 1, files \d+$/m,
    );
    assert.ok(JSON.parse(diff(fixture('tree'), at, '--json').text));
  });

  it('sets numbers aside that a dump makes up, and tells when they tie other things together', () => {
    const renumbered = changed('pipes', (images) => {
      const files = images.read('FILES');
      for (const { message } of files.entries) if (message.pipe) message.pipe.pipe_id += 1000;
      images.write('FILES', undefined, files.entries);
    });
    const quiet = diffCheckpoints(openCheckpoint(fixture('pipes')), openCheckpoint(renumbered), { pages: false });
    assert.deepEqual(quiet.processes, []);
    const untied = changed('pipes', (images) => {
      const files = images.read('FILES');
      files.entries.find(({ message }) => message.pipe)!.message.pipe!.pipe_id = 4711;
      images.write('FILES', undefined, files.entries);
    });
    assert.match(diff(fixture('pipes'), untied, '--no-pages').text, /same pipe as/);
  });

  it('matches processes by number, or else by place and name', () => {
    const at = changed('tree', (images) => {
      const pstree = images.read('PSTREE');
      for (const { message } of pstree.entries) {
        if (message.pid !== 816) continue;
        message.pid = 9000;
        message.threads = [9000];
        for (const type of ['CORE', 'MM', 'FS', 'IDS', 'PAGEMAP'] as const)
          images.write(type, 9000, images.read(type, 816).entries);
      }
      images.write('PSTREE', undefined, pstree.entries);
    });
    const found = diffCheckpoints(openCheckpoint(fixture('tree')), openCheckpoint(at));
    assert.deepEqual([found.removed, found.added, found.processes], [[], [], []]);
    const less = changed('tree', (images) => {
      images.write(
        'PSTREE',
        undefined,
        images.read('PSTREE').entries.filter(({ message }) => message.pid !== 816),
      );
    });
    assert.match(diff(fixture('tree'), less).text, /^- process 816 \(tree\)$/m);
  });

  it('compares memory page by page', () => {
    const page = (fill: (bytes: Buffer) => void) =>
      changed('tree', (images, at) => {
        const start = images.read('MM', 812).entries[0]!.message.vmas!.find(({ status }) => status & (1 << 9))!.start;
        images.write('PAGEMAP', 812, [
          { message: { pages_id: 99 } },
          { message: { vaddr: start, compat_nr_pages: 0, flags: 4, nr_pages: 3n } },
        ]);
        const bytes = Buffer.alloc(3 * 4096, 'a');
        fill(bytes);
        writeFileSync(path.join(at, 'pages-99.img'), bytes);
      });
    const [before, same, other] = [
      page(() => undefined),
      page(() => undefined),
      page((bytes) => bytes.write('secret', 4096 + 16)),
    ];
    assert.equal(diffCheckpoints(openCheckpoint(before), openCheckpoint(same)).isSame, true);
    const [process] = diffCheckpoints(openCheckpoint(before), openCheckpoint(other)).processes;
    const { pagesChanged, bytesChanged, ranges } = process!.memory!;
    assert.deepEqual([pagesChanged, bytesChanged, ranges.length, ranges[0]?.pages], [1, 6, 1, 1]);
    assert.match(
      diff(before, other, '--hexdump').text,
      /^\+ [0-9a-f]{12} {2}73 65 63 72 65 74 61 .*\|secretaaaaaaaaaa\|$/m,
    );
  });

  it('compares two images by their fields', () => {
    const [one, other] = [fixture('tree', 'core-812.img'), fixture('tree', 'core-814.img')];
    assert.equal(diff(one, one).status, 0);
    assert.equal(diff(one, one, '--exact').status, 0);
    const { status, text } = diff(one, other);
    assert.equal(status, 1);
    assert.match(text, /thread_info\.gpregs\.sp: 0x[0-9a-f]+ -> 0x[0-9a-f]+$/m);
    const reversed = changed('tree', (images) =>
      images.write('FILES', undefined, images.read('FILES').entries.reverse()),
    );
    const files = path.join(reversed, 'files.img');
    assert.equal(diff(fixture('tree', 'files.img'), files).status, 0);
    assert.equal(diff(fixture('tree', 'files.img'), files, '--exact').status, 1);
  });

  it('has status 2 where something cannot be read', () => {
    for (const other of ['/nonexistent', fixture('tree', 'core-812.img')]) {
      const { status, text, stderr } = diff(fixture('tree'), other);
      assert.deepEqual([status, text], [2, '']);
      assert.match(stderr, /^crit: [^\n]+\n$/);
    }
  });

  it('sets nothing aside that no message has', () => {
    for (const name of Object.keys(SET_ASIDE)) {
      const [message, field] = name.split('.');
      assert.ok(messageDef(message as MessageName).byName.has(field!), name);
    }
  });
});

describe('crit list', () => {
  it('finds sets, containers and archives below a directory, and follows no link', () => {
    const at = path.join(dir, 'many');
    cpSync(fixture('tree'), path.join(at, 'a/b/set'), { recursive: true });
    cpSync(fixture('pipes'), path.join(at, 'web/checkpoint'), { recursive: true });
    writeFileSync(path.join(at, 'web/config.dump'), '{"name":"web","checkpointedTime":"2024-05-06T07:08:09Z"}');
    writeFileSync(path.join(at, 'broken.tar'), 'none');
    const { status, stdout, stderr } = crit(['list', at, '--json']);
    assert.equal(status, 0);
    const found = JSON.parse(stdout.toString()) as { path: string; processes: number; name?: string; at: string }[];
    assert.deepEqual(
      found.map((one) => [path.relative(at, one.path), one.processes, one.name]),
      [
        ['a/b/set', 8, undefined],
        ['web', 2, 'web'],
      ],
    );
    assert.equal(found[1]?.at, '2024-05-06T07:08:09Z');
    assert.match(stderr, /broken\.tar: is no tar archive/);
    assert.match(crit(['list', at]).stdout.toString(), /^DUMPED +ENGINE +PROCESSES/);
    assert.equal(crit(['list', '/nonexistent']).status, 1);
  });
});
