import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, describe, it } from 'node:test';
import { gzipSync } from 'node:zlib';
import { viewRaw } from '../../../src/decode/raw/raw-view.js';
import { fixture } from '../../project-path.js';

interface Member {
  name: string;
  type: string;
  size: number;
  target?: string;
}

/** The bytes in pieces of a size that divides nothing. */
function* pieces(bytes: Uint8Array, size = 777): Generator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

const members = async (bytes: Uint8Array): Promise<Member[]> => {
  const { fields, damage } = await viewRaw('TMPFS_DEV', pieces(bytes));
  assert.deepEqual(damage, []);
  return fields['entries'] as unknown as Member[];
};

describe('tmpfs archives', () => {
  const dir = mkdtempSync(path.join(tmpdir(), 'crit-tar-'));
  after(() => rmSync(dir, { recursive: true }));

  it('CRIU made ones are listed', async () => {
    const list = await members(readFileSync(fixture('ns_mnt/tmpfs-dev-41.tar.gz.img')));
    assert.deepEqual(
      list.map(({ name, type, size, target }) => [name, type, size, target]),
      [
        ['./', 'dir', 0, undefined],
        ['./link', 'symlink', 0, 'two'],
        ['./two', 'file', 12, undefined],
      ],
    );
  });

  const long = 'a-name-that-is-longer-than-a-hundred-bytes-'.repeat(4);
  for (const format of ['gnu', 'pax', 'ustar'] as const) {
    it(`tar's ${format} format is read, long names included`, async () => {
      const name = format === 'ustar' ? 'short' : long;
      writeFileSync(path.join(dir, name), 'x'.repeat(3000));
      symlinkSync(name, path.join(dir, `link-${format}`));
      const bytes = execFileSync('tar', [`--format=${format}`, '-czf', '-', '-C', dir, name, `link-${format}`]);
      assert.deepEqual(
        (await members(bytes)).map(({ name: member, type, size, target }) => [member, type, size, target]),
        [
          [name, 'file', 3000, undefined],
          [`link-${format}`, 'symlink', 0, name],
        ],
      );
      rmSync(path.join(dir, name));
    });
  }

  it('cut at any byte, they say so', async () => {
    const bytes = readFileSync(fixture('ns_mnt/tmpfs-dev-41.tar.gz.img'));
    for (let length = 0; length < bytes.length; length++) {
      const { damage } = await viewRaw('TMPFS_DEV', [bytes.subarray(0, length)]);
      assert.equal(damage.length, 1, `cut to ${length} bytes`);
    }
  });

  it('a header that is no header is named with its offset', async () => {
    const tar = Buffer.alloc(10240);
    tar.write('name', 0);
    const { damage } = await viewRaw('TMPFS_DEV', [gzipSync(tar)]);
    assert.deepEqual(damage, [{ offsetBytes: 0, entry: 0, reason: 'the header checksum does not hold' }]);
  });

  it('zeros behind the end mark, 256 MiB of them, are not unpacked', async () => {
    const bytes = gzipSync(Buffer.alloc(256 * 1024 * 1024), { level: 1 });
    let read = 0;
    const counted = function* (): Generator<Uint8Array> {
      for (const piece of pieces(bytes, 65536)) {
        read += piece.length;
        yield piece;
      }
    };
    const { damage } = await viewRaw('TMPFS_DEV', counted());
    assert.deepEqual(damage, []);
    assert.ok(read < bytes.length / 4, `${read} of ${bytes.length} bytes were read`);
  });
});

describe('pages', () => {
  it('are counted, those of zeros apart, in whatever pieces they come', async () => {
    const bytes = Buffer.alloc(5 * 4096 + 100);
    bytes[4096 + 4095] = 1;
    bytes.fill(7, 3 * 4096, 4 * 4096);
    for (const size of [1, 100, 4096, 5000, 65536]) {
      const { fields, damage } = await viewRaw('PAGES', pieces(bytes, size));
      assert.deepEqual(fields, { bytes: 20580, pages: 5, zero_pages: 3, trailing_bytes: 100 });
      assert.deepEqual(damage, []);
    }
  });
});

describe('rule sets', () => {
  it('are text', async () => {
    const bytes = readFileSync(fixture('ns_net_table/nftables-9.img'));
    const view = await viewRaw('NFTABLES', pieces(bytes));
    assert.equal(view.fields['text'], bytes.toString());
    assert.equal(view.complete, true);
  });

  it('that are empty are empty text', async () => {
    assert.deepEqual((await viewRaw('IPTABLES', [])).fields, { text: '' });
  });

  it('that are no UTF-8 are not told by text alone', async () => {
    assert.equal((await viewRaw('IPTABLES', [Buffer.from([0x23, 0xff])])).complete, false);
  });
});
