import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, describe, it } from 'node:test';
import { gzipSync } from 'node:zlib';
import { projectPath } from '../project-path.js';
import { crit } from './run-crit.js';

const dir = mkdtempSync(path.join(tmpdir(), 'crit-hostile-'));
after(() => rmSync(dir, { recursive: true }));

/** A sparse file that begins with some bytes. */
function sparse(name: string, sizeBytes: number, start: Uint8Array = Buffer.alloc(0)): string {
  const file = path.join(dir, name);
  writeFileSync(file, start);
  truncateSync(file, sizeBytes);
  return file;
}

const magic = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
};

/** What a run costs, peak memory in KiB and processor time in seconds, with its output thrown away. */
function cost(shell: string): { status: string; kib: number; seconds: number; stderr: string } {
  const script = `
import resource, subprocess, sys
p = subprocess.run(['bash', '--norc', '-c', sys.argv[1]], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(p.returncode, used.ru_maxrss, used.ru_utime + used.ru_stime, p.stderr.decode())
`;
  const { stdout } = spawnSync('python3', ['-c', script, shell], {
    encoding: 'utf8',
    env: { PATH: process.env['PATH'], CRIT: projectPath('bin/crit') },
  });
  const [status = '', kib = '', seconds = '', ...stderr] = stdout.trim().split(' ');
  return { status, kib: Number(kib), seconds: Number(seconds), stderr: stderr.join(' ') };
}

/** What Node itself takes, and then some for what a command may use. */
const MEMORY_KIB = 160 * 1024;

describe('hostile raw images end soon, with one line, in little memory', () => {
  const cases: readonly (readonly [name: string, file: () => string, pattern: RegExp])[] = [
    ['an address dump of 4 GiB', () => sparse('ifaddr-1.img', 2 ** 32), /expected the magic 0x47361222/],
    ['one with the right magic', () => sparse('ifaddr-2.img', 2 ** 32, magic(0x47361222)), /more than 67108864 bytes/],
    ['an archive of 4 GiB that is none', () => sparse('tmpfs-dev-1.tar.gz.img', 2 ** 32), /not sound gzip data/],
    ['a conntrack dump of zeros', () => sparse('netns-ct-1.img', 4096), /entry 0, offset 0, header: message length 0/],
    ['an empty address dump', () => sparse('ifaddr-3.img', 0), /the file is empty/],
  ];
  for (const [name, file, pattern] of cases) {
    it(name, () => {
      const { status, kib, seconds, stderr } = cost(`"$CRIT" show '${file()}'`);
      assert.ok(seconds < 5, `${seconds} s`);
      assert.equal(status, '1');
      assert.match(stderr, /^crit: [^\n]+$/);
      assert.match(stderr, pattern);
      assert.ok(kib < MEMORY_KIB + 65536, `${kib} KiB`);
    });
  }

  it('an address dump without end on standard input', () => {
    const { status, stderr } = cost(`(printf '\\x22\\x12\\x36\\x47'; cat /dev/zero) | "$CRIT" decode`);
    assert.equal(status, '1');
    assert.match(stderr, /more than 67108864 bytes/);
  });

  it('an archive with many members is listed to a limit, and comes back whole', () => {
    const header = Buffer.alloc(512);
    header.write('name');
    header.write('0000644\0', 100);
    header.write('ustar\0', 257);
    header.write('0', 156);
    header.fill(' ', 148, 156);
    const sum = header.reduce((total, byte) => total + byte, 0);
    header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
    const tar = Buffer.concat([...new Array<Buffer>(150_000).fill(header), Buffer.alloc(1024)]);
    const file = path.join(dir, 'tmpfs-dev-2.tar.gz.img');
    writeFileSync(file, gzipSync(tar, { level: 1 }));
    const { raw } = JSON.parse(crit(['decode', '-i', file]).stdout.toString()) as {
      raw: { entries: unknown[]; omitted: number };
    };
    assert.equal(raw.entries.length, 100_000);
    assert.equal(raw.omitted, 50_000);
  });
});

describe('large raw images are streamed', () => {
  it('1 GiB of pages is summarised in little memory', () => {
    const { status, kib } = cost(`"$CRIT" show '${sparse('pages-1.img', 2 ** 30)}'`);
    assert.equal(status, '0');
    assert.ok(kib < MEMORY_KIB, `${kib} KiB`);
  });

  it('pages are listed without being read', () => {
    const file = sparse('pages-2.img', 2 ** 40);
    const { stdout } = crit(['info', file]);
    assert.equal((JSON.parse(stdout.toString()) as { count: number }).count, 2 ** 28);
    const { seconds } = cost(`"$CRIT" info '${file}'`);
    assert.ok(seconds < 3, `${seconds} s`);
  });

  it('a tmpfs archive of 256 MiB goes to JSON in little memory', () => {
    const file = path.join(dir, 'tmpfs-dev-3.tar.gz.img');
    const made = spawnSync(
      'bash',
      ['-c', `head -c 268435456 /dev/urandom > big && tar -cf - big | gzip -1 > '${file}' && rm big`],
      { cwd: dir },
    );
    assert.equal(made.status, 0);
    const { status, kib } = cost(`"$CRIT" decode -i '${file}'`);
    assert.equal(status, '0');
    assert.ok(kib < MEMORY_KIB, `${kib} KiB`);
  });
});
