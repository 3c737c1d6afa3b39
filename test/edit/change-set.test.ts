import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { changeSet, type Changes } from '../../src/edit/changes.js';
import { parseFieldChange } from '../../src/edit/set-fields.js';
import { replaceSet, writeSet } from '../../src/edit/write-set.js';
import { CritError } from '../../src/image/errors.js';
import { ImageDir } from '../../src/encode/image-dir.js';
import { openAddressSpace } from '../../src/inspect/address-space/address-space.js';
import { openCheckpoint } from '../../src/inspect/checkpoint.js';
import { projectPath } from '../project-path.js';
import { changed, copyOf, scratch, withPages } from './sets.js';

const fields = (image: string, ...changes: string[]): Changes => ({
  fields: { [image]: changes.map(parseFieldChange) },
});
const SET = projectPath('fixtures/sets/tree');

test('fields are found by their names, with what is before them or without', () => {
  const { images, lines } = changed(
    SET,
    fields(
      'core-812.img',
      'thread_core.comm=x',
      'rlimits.NOFILE.cur=4096',
      'gpregs.ip=0x1234',
      '[0].tc.oom_score_adj=-5',
    ),
  );
  const core = images.first('CORE', 812)!;
  assert.equal(core.thread_core?.comm, 'x');
  assert.equal(core.tc?.rlimits?.rlimits?.[7]?.cur, 4096n);
  assert.equal(core.thread_info!.gpregs.ip, 0x1234n);
  assert.equal(core.tc.oom_score_adj, -5);
  assert.match(lines[1]!, /^core-812\.img: entries\[0\]\.tc\.rlimits\.rlimits\[7\]\.cur: \d+ -> 4096$/);
});

test('a field that is not there, not clear, or does not fit is refused, and nothing is written', () => {
  const refusals: [string, string, RegExp][] = [
    ['core-812.img', 'nope.cur=1', /there is no field nope\.cur/],
    ['core-812.img', 'rlimits.NOFILE.cur=x', /is no value/],
    ['core-812.img', 'thread_core.nope=1', /thread_core\.nope/],
    ['core-812.img', 'gpregs.ip=99999999999999999999', /ip/],
    ['pstree.img', 'pid=1', /is in 8 places: \[0\]\.pid, \[1\]\.pid/],
    ['core-812.img', 'a..b=1', /is no path/],
  ];
  for (const [image, change, message] of refusals)
    assert.throws(() => changeSet(openCheckpoint(SET), fields(image, change)), message, change);
  assert.throws(() => parseFieldChange('x'), /FIELD=VALUE/);
});

test('what is not changed is the same file, and what is changed is another', () => {
  const from = copyOf('tree');
  const { to } = changed(from, { typed: { comm: ['812=x'] } });
  assert.deepEqual(readdirSync(to).sort(), readdirSync(from).sort());
  const ino = (set: string, name: string) => statSync(path.join(set, name)).ino;
  assert.equal(ino(to, 'files.img'), ino(from, 'files.img'));
  assert.notEqual(ino(to, 'core-812.img'), ino(from, 'core-812.img'));
  assert.notEqual(new ImageDir(from).first('CORE', 812)?.tc?.comm, 'x');
});

test('a set is changed in place with a backup, and never over one', () => {
  const from = copyOf('tree');
  const before = readFileSync(path.join(from, 'core-812.img'));
  const backup = replaceSet(changeSet(openCheckpoint(from), { typed: { comm: ['812=x'] } }).set);
  assert.deepEqual(readFileSync(path.join(backup, 'core-812.img')), before);
  assert.equal(new ImageDir(from).first('CORE', 812)?.tc?.comm, 'x');
  const again = changeSet(openCheckpoint(from), { typed: { comm: ['812=y'] } }).set;
  assert.throws(() => replaceSet(again), /the backup of an earlier change/);
  assert.equal(new ImageDir(from).first('CORE', 812)?.tc?.comm, 'x');
  assert.ok(!existsSync(`${from}.crit-new`));
});

test('a directory that has something in it is left alone', () => {
  const to = path.join(scratch, 'full');
  mkdirSync(to);
  writeFileSync(path.join(to, 'mine'), '');
  const { set } = changeSet(openCheckpoint(SET), { typed: { comm: ['812=x'] } });
  assert.throws(() => {
    writeSet(set, to);
  }, /not an empty directory/);
  assert.deepEqual(readdirSync(to), ['mine']);
});

test('a failure on the way leaves nothing behind', () => {
  const to = path.join(scratch, 'half');
  const { set } = changeSet(openCheckpoint(SET), { typed: { comm: ['812=x'] } });
  set.replace('zzz.img', () => {
    throw new TypeError('no more');
  });
  assert.throws(() => {
    writeSet(set, to);
  });
  assert.ok(!existsSync(to) && !existsSync(`${to}.crit-new`));
});

test('a set in an archive is changed into a directory', { skip: spawnSync('tar', ['--version']).status !== 0 }, () => {
  const archive = path.join(scratch, 'set.tar');
  assert.equal(spawnSync('tar', ['-C', SET, '-cf', archive, '.']).status, 0);
  const { images, to } = changed(archive, { typed: { comm: ['812=x'] } });
  assert.equal(images.first('CORE', 812)?.tc?.comm, 'x');
  assert.deepEqual(readFileSync(path.join(to, 'files.img')), readFileSync(path.join(SET, 'files.img')));
});

test('addresses and ports change at both ends', () => {
  const from = projectPath('fixtures/sets/tcp_est');
  const files = new ImageDir(from).messages('FILES') ?? [];
  const isk = files.flatMap((file) => file.isk ?? []).find(({ dst_port }) => dst_port !== 0)!;
  const { images } = changed(from, { typed: { port: [`tcp:${isk.src_port}=4000`], address: ['127.0.0.1=10.1.2.3'] } });
  const now = (images.messages('FILES') ?? []).flatMap((file) => file.isk ?? []);
  assert.ok(now.some(({ src_port }) => src_port === 4000));
  assert.ok(
    now.some(({ dst_port }) => dst_port === 4000),
    'the other end is in the set too',
  );
  assert.ok(now.every(({ src_port, dst_port }) => ![src_port, dst_port].includes(isk.src_port)));
  assert.deepEqual(now.find(({ id }) => id === isk.id)?.src_addr, [0x0302010a]);
  assert.throws(
    () => changeSet(openCheckpoint(from), { typed: { port: ['9=10'] } }),
    /nothing in the set has the port 9/,
  );
  assert.throws(() => changeSet(openCheckpoint(from), { typed: { address: ['::1=1.2.3.4'] } }), /two families/);
});

test('numbers of processes change wherever they stand', () => {
  const { images } = changed(SET, { typed: { pid: ['812=2812', '814=812'] } });
  const tasks = images.messages('PSTREE')!;
  assert.deepEqual(
    tasks.slice(0, 2).map(({ pid, ppid }) => [pid, ppid]),
    [
      [2812, 0],
      [812, 2812],
    ],
  );
  const was = new ImageDir(SET);
  assert.equal(images.first('CORE', 812)?.tc?.comm, was.first('CORE', 814)?.tc?.comm);
  assert.equal(images.first('CORE', 2812)?.tc?.comm, was.first('CORE', 812)?.tc?.comm);
  assert.ok(!images.has('CORE', 814));
  for (const bad of ['1=2', '812=814', '812=0', '812=x', '812'])
    assert.throws(() => changeSet(openCheckpoint(SET), { typed: { pid: [bad] } }), CritError, bad);
});

test('memory is not written where the pages image is missing', () => {
  assert.throws(
    () => changeSet(openCheckpoint(SET), { typed: { memory: [`812:${aWord()}=u8:1`] } }),
    /pages-\d+\.img.*missing|not in the images/,
  );
});

/** An address of memory that is zero, in the process 812. */
function aWord(): string {
  using space = openAddressSpace(openCheckpoint(SET), 812);
  const run = [...space.runs()].find(({ source, mapping }) => source.kind === 'zero' && mapping?.prot.includes('w'));
  return `0x${run!.start.toString(16)}`;
}

test('memory is written where it is stored, and where it was zero', () => {
  const set = withPages('tree');
  const from = openCheckpoint(set);
  using space = openAddressSpace(from, 812);
  const runs = [...space.runs()];
  const stored = runs.find(({ source, mapping }) => source.kind === 'image' && mapping?.kind === 'anon');
  const zero = runs.find(
    ({ source, mapping }) => source.kind === 'zero' && mapping?.regular && mapping.prot.includes('w'),
  );
  const places = [stored, zero].flatMap((run) => (run ? [run.start + 4093n] : []));
  assert.ok(places.length > 0);
  // across the end of a page where the run goes on
  const { images, to } = changed(set, {
    typed: { memory: places.map((at) => `812:0x${(at - 8n).toString(16)}=text:changed`) },
  });
  using after_ = openAddressSpace(openCheckpoint(to), 812);
  for (const at of places) assert.equal(after_.read(at - 8n, 7).bytes.toString(), 'changed');
  for (const piece of space.pieces()) {
    if (piece.kind !== 'bytes') continue;
    const now = after_.read(piece.start, piece.bytes.length).bytes;
    for (const at of places)
      for (let i = 0n; i < 7n; i++) {
        const place = Number(at - 8n + i - piece.start);
        if (place >= 0 && place < now.length) now[place] = piece.bytes[place]!;
      }
    assert.ok(now.equals(piece.bytes), `at 0x${piece.start.toString(16)}`);
  }
  assert.equal(images.messages('PAGEMAP', 812)!.length > 1, true);
  assert.throws(() => changeSet(from, { typed: { memory: ['812:0x10=u8:1'] } }), /nothing mapped/);
  assert.throws(() => changeSet(from, { typed: { memory: ['812:0x10=1'] } }), /is no value/);
});

test('maps of user namespaces, and vector registers', () => {
  const from = copyOf('container');
  const [id] = new ImageDir(from).list().flatMap((file) => (file.type === 'USERNS' ? [Number(file.id)] : []));
  const was = new ImageDir(from).first('USERNS', id)!;
  const { first, count } = was.uid_map![0]!;
  const [tid] = new ImageDir(from).list().flatMap((file) => (file.type === 'CORE' ? [Number(file.id)] : []));
  const { images } = changed(from, {
    typed: {
      'uid-map': [`${first}=300000`],
      register: [`${tid}:xmm3=0x0102030405060708090a0b0c0d0e0f10`, `${tid}:mxcsr=0x3f80`],
    },
  });
  assert.deepEqual(images.first('USERNS', id)!.uid_map![0], { first, lower_first: 300000, count });
  assert.deepEqual(images.first('USERNS', id)!.gid_map, was.gid_map);
  const { fpregs } = images.first('CORE', tid)!.thread_info!;
  assert.deepEqual(fpregs.xmm_space!.slice(12, 16), [0x0d0e0f10, 0x090a0b0c, 0x05060708, 0x01020304]);
  assert.equal(fpregs.mxcsr, 0x3f80);
  const refused = (typed: NonNullable<Changes['typed']>, message: RegExp) =>
    assert.throws(() => changeSet(openCheckpoint(from), { typed }), message);
  refused({ 'uid-map': ['77=1'] }, /nothing in the set has a uid_map with a range from 77 on/);
  refused({ 'uid-map': [`${first}=1:0`] }, /is empty/);
  refused({ register: [`${tid}:mxcsr=0xffff0000`] }, /does not know/);
  refused({ register: [`${tid}:xmm16=1`] }, /is no register/);
});
