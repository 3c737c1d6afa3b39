import assert from 'node:assert/strict';
import { closeSync, mkdtempSync, openSync, rmSync, unlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, it } from 'node:test';
import { parseMapRanges, parseMaps, readMapRanges, readMaps } from '../../../src/kernel/proc/maps.js';
import { MAP_PRIVATE, MAP_SHARED, PROT_READ, PROT_WRITE } from '../../../src/kernel/uapi/mman.js';
import { ProcFileError, ProcGone } from '../../../src/kernel/proc/proc-file.js';
import { sys } from '../../../src/native/sys.js';

describe('parseMapRanges', () => {
  const cases: [claim: string, line: string, path: string, deleted: boolean][] = [
    ['no path', '7f0000000000-7f0000001000 rw-p 00000000 00:00 0 ', '', false],
    ['spaces', '7f0000000000-7f0000001000 rw-p 00000000 fe:00 12                         /a b  c ', '/a b  c ', false],
    ['a newline', '7f0000000000-7f0000001000 rw-p 00000000 fe:00 12                         /a\\012b', '/a\nb', false],
    ['a backslash', '7f0000000000-7f0000001000 rw-p 00000000 fe:00 12                         /a\\b', '/a\\b', false],
    [
      'a deleted file',
      '7f0000000000-7f0000001000 rw-p 00000000 fe:00 12                         /x (deleted)',
      '/x',
      true,
    ],
    [
      'a memfd',
      '7f0000000000-7f0000001000 rw-s 00000000 00:01 3                          /memfd:a (deleted)',
      '/memfd:a',
      true,
    ],
    ['a twice deleted name', '7f0000000000-7f0000001000 rw-p 0 fe:00 12 /x (deleted) (deleted)', '/x (deleted)', true],
    ['a carriage return', '7f0000000000-7f0000001000 rw-p 0 fe:00 12 /x\ry\u2028z', '/x\ry\u2028z', false],
    [
      'an anonymous name',
      '7f0000000000-7f0000001000 rw-p 00000000 00:00 0                          [anon:a b]',
      '[anon:a b]',
      false,
    ],
  ];
  for (const [claim, line, file, deleted] of cases)
    it(`understands a path with ${claim}`, () => {
      const [range] = parseMapRanges(`${line}\n`);
      assert.equal(range!.path, file);
      assert.equal(range!.deleted, deleted);
    });

  it('keeps addresses and offsets of 64 bits', () => {
    const text =
      'ffffffffff600000-ffffffffff601000 --xp fedcba9876543210 103:2a 18446744073709551615                  [vsyscall]\n';
    assert.deepEqual(parseMapRanges(text), [
      {
        start: 0xffffffffff600000n,
        end: 0xffffffffff601000n,
        prot: 4,
        shared: false,
        offset: 0xfedcba9876543210n,
        devMajor: 0x103,
        devMinor: 0x2a,
        inode: 18446744073709551615n,
        path: '[vsyscall]',
        deleted: false,
      },
    ]);
  });

  for (const line of ['x', '1000-2000 rw', '1000-2000 rwxq 0 0:0 0 ', '-'])
    it(`refuses ${JSON.stringify(line)}`, () => {
      assert.throws(() => parseMapRanges(line), ProcFileError);
    });
});

describe('parseMaps', () => {
  it('reads flags, page size and protection key of each mapping', () => {
    const block = (start: string, extra: string, flags: string) =>
      `${start}000-${start}fff rw-p 00000000 00:00 0 \nSize:                  4 kB\nKernelPageSize:     2048 kB\n${extra}VmFlags:${flags}\n`;
    const maps = parseMaps(
      block('1', '', ' rd wr ht ') + block('2', 'ProtectionKey:         3\n', ' ') + block('3', '', ' rd wr ht '),
    );
    assert.deepEqual(
      maps.map((map) => [map.pageSizeBytes, map.protectionKey, [...map.vmFlags].join()]),
      [
        [2097152, 0, 'rd,wr,ht'],
        [2097152, 3, ''],
        [2097152, 0, 'rd,wr,ht'],
      ],
    );
  });

  it('refuses a text that was cut', () => {
    assert.throws(() => parseMaps('1000-2000 rw-p 00000000 00:00 0 \nSize: 4 kB\n'), ProcFileError);
  });
});

describe('readMaps', () => {
  it('shows a mapped file with a tricky name, also when it is deleted', () => {
    const dir = mkdtempSync(path.join(tmpdir(), 'crit maps '));
    try {
      const file = path.join(dir, 'a b\nc (deleted)');
      writeFileSync(file, Buffer.alloc(8192, 1));
      const fd = openSync(file, 'r+');
      const shared = BigInt(sys('mmap', 0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 4096));
      const kept = BigInt(sys('mmap', 0, 4096, PROT_READ, MAP_PRIVATE, fd, 0));
      closeSync(fd);
      const before = readMaps(process.pid).find((map) => map.start === shared);
      // such a name cannot be told from a deleted file
      assert.equal(before?.path, path.join(dir, 'a b\nc'));
      unlinkSync(file);
      const map = readMaps(process.pid).find((m) => m.start === shared);
      assert.equal(map?.path, file);
      assert.ok(map.deleted && map.shared && map.prot === (PROT_READ | PROT_WRITE) && map.offset === 4096n);
      assert.ok(map.vmFlags.has('sh') && map.pageSizeBytes === 4096);
      const range = readMapRanges(process.pid).find((m) => m.start === kept);
      assert.ok(range && !range.shared && range.prot === PROT_READ && range.inode === map.inode);
      sys('munmap', shared, 4096);
      sys('munmap', kept, 4096);
    } finally {
      rmSync(dir, { recursive: true });
    }
  });

  it('says that a process is gone', () => {
    assert.throws(
      () => readMaps(2 ** 22 + 1),
      (error) => error instanceof ProcGone && error.code === 'PROC_GONE' && error.cause !== undefined,
    );
  });
});
