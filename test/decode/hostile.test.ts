import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, openSync, closeSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import test, { after } from 'node:test';
import { openImageReader } from '../../src/decode/image-reader.js';
import { imageInfo } from '../../src/decode/image-info.js';
import { openByteSource } from '../../src/image/byte-source.js';
import { ImageError } from '../../src/image/errors.js';
import { contentOf, FIXTURES, imageErrorOf, imagesBelow, jsonOf } from '../image/run-image.js';

const scratch = mkdtempSync(path.join(os.tmpdir(), 'crit-hostile-'));
after(() => rmSync(scratch, { recursive: true, force: true }));

const u32 = (...values: number[]): Buffer => {
  const bytes = Buffer.alloc(4 * values.length);
  values.forEach((value, i) => bytes.writeUInt32LE(value >>> 0, 4 * i));
  return bytes;
};
const COMMON = 0x54564319;
const MAGIC = {
  FDINFO: 0x56213732,
  PSTREE: 0x50273030,
  APPARMOR: 0x59423047,
  PIPES_DATA: 0x56453709,
  IPCNS_MSG: 0x55453737,
  IPCNS_SEM: 0x59573019,
  TCP_STREAM: 0x51465506,
  GHOST_FILE: 0x52583605,
  UTSNS: 0x54473203,
};

/** An image of one entry, the message in hex, what follows it behind. */
function image(type: keyof typeof MAGIC, hex: string, extra: Uint8Array = new Uint8Array(0)): Buffer {
  const message = Buffer.from(hex.replaceAll(' ', ''), 'hex');
  return Buffer.concat([u32(COMMON, MAGIC[type], message.length), message, extra]);
}

/** aa_namespace inside aa_namespace, so deep. */
function nested(depth: number): Buffer {
  let inner = Buffer.from('0a0161', 'hex');
  const length = (size: number): Buffer => {
    const out: number[] = [];
    for (let rest = size; ; rest >>>= 7) {
      if (rest < 128) return Buffer.from([...out, rest]);
      out.push((rest & 127) | 128);
    }
  };
  for (let i = 1; i < depth; i++)
    inner = Buffer.concat([Buffer.from('0a0161', 'hex'), Buffer.from([0x1a]), length(inner.length), inner]);
  const whole = Buffer.concat([Buffer.from([0x0a]), length(inner.length), inner]);
  return Buffer.concat([u32(COMMON, MAGIC.APPARMOR, whole.length), whole]);
}

const PIPE = '0801 1004';

const CASES: readonly {
  name: string;
  bytes: Buffer;
  reason: RegExp;
  offset?: number;
  entry?: number;
  field?: string;
  code?: string;
}[] = [
  { name: 'nothing at all', bytes: Buffer.alloc(0), reason: /the file is empty/, offset: 0 },
  { name: 'half a magic number', bytes: u32(COMMON).subarray(0, 2), reason: /ends within its header/, offset: 0 },
  { name: 'a first magic number alone', bytes: u32(COMMON), reason: /ends within its header/, offset: 4 },
  {
    name: 'a magic number that no image has',
    bytes: u32(COMMON, 0xdeadbeef),
    reason: /0xdeadbeef/,
    offset: 4,
    code: 'UNKNOWN_MAGIC',
  },
  { name: 'zeros', bytes: Buffer.alloc(4096), reason: /0x00000000/, offset: 0, code: 'UNKNOWN_MAGIC' },
  {
    name: 'a size below zero',
    bytes: Buffer.concat([u32(COMMON, MAGIC.PSTREE, -1), Buffer.alloc(9)]),
    reason: /announces a message of 4294967295 bytes, 9 are left/,
    offset: 8,
    entry: 0,
  },
  {
    name: 'a size of 2 GiB less one',
    bytes: u32(COMMON, MAGIC.PSTREE, 0x7fffffff),
    reason: /announces a message of 2147483647 bytes, 0 are left/,
    offset: 8,
    entry: 0,
  },
  {
    name: 'half a size',
    bytes: Buffer.concat([image('FDINFO', '0801100018012003'), Buffer.from([8, 0])]),
    reason: /ends within the size of an entry/,
    offset: 20,
    entry: 1,
  },
  {
    name: 'a wrong wire type',
    bytes: image('FDINFO', '0801 1000 1a00 2003'),
    reason: /has wire type 2, a field of type enum has 0/,
    offset: 16,
    entry: 0,
    field: 'type',
  },
  {
    name: 'a wrong wire type inside',
    bytes: image('FDINFO', '0a00'),
    reason: /has wire type 2, a field of type uint32 has 0/,
    offset: 12,
    entry: 0,
    field: 'id',
  },
  {
    name: 'a wire type that does not exist',
    bytes: image('FDINFO', 'd607'),
    reason: /wire type 6 of field 122/,
    entry: 0,
  },
  {
    name: 'field number zero',
    bytes: image('FDINFO', '0001'),
    reason: /no field has this number/,
    offset: 12,
    entry: 0,
  },
  {
    name: 'a field number beyond all',
    bytes: image('FDINFO', '8880808080808001'),
    reason: /no field has this number/,
    offset: 12,
    entry: 0,
  },
  {
    name: 'a number that does not end',
    bytes: image('FDINFO', '08ffffffffffffffffffffff01'),
    reason: /more than 10 bytes/,
    offset: 13,
    entry: 0,
    field: 'id',
  },
  {
    name: 'a number that the message cuts',
    bytes: image('FDINFO', '08ff'),
    reason: /ends within a number/,
    offset: 13,
    entry: 0,
    field: 'id',
  },
  {
    name: 'a string longer than its message',
    bytes: image('UTSNS', '0a7f6161'),
    reason: /announces 127 bytes, 2 are left/,
    offset: 13,
    entry: 0,
    field: 'nodename',
  },
  {
    name: 'a group that does not end',
    bytes: image('FDINFO', 'd307 0801'),
    reason: /group 122 does not end/,
    entry: 0,
  },
  {
    name: 'the end of a group that did not begin',
    bytes: image('FDINFO', 'd407'),
    reason: /group 122 ends but did not begin/,
    entry: 0,
  },
  { name: 'groups 1000 deep', bytes: image('FDINFO', 'd307'.repeat(1000)), reason: /nested deeper than 100/, entry: 0 },
  { name: 'messages 101 deep', bytes: nested(101), reason: /nested deeper than 100/, entry: 0 },
  { name: 'messages 100,000 deep', bytes: nested(5000), reason: /nested deeper than 100/, entry: 0 },
  {
    name: 'a payload cut off',
    bytes: image('PIPES_DATA', PIPE, Buffer.from('abc')),
    reason: /bytes announces 4 bytes, 3 are left/,
    offset: 16,
    entry: 0,
    field: 'extra',
  },
  {
    name: 'a payload of 4 GiB',
    bytes: image('PIPES_DATA', '0801 10ffffffff0f', Buffer.from('abc')),
    reason: /bytes announces 4294967295 bytes, 3 are left/,
    entry: 0,
    field: 'extra',
  },
  {
    name: 'a queue of 4 billion messages',
    bytes: image('IPCNS_MSG', '0a0e08001000180020002800300038001000 18ffffffff0f'),
    reason: /qnum announces 4294967295 messages, 0 are there/,
    entry: 0,
    field: 'extra[0]',
  },
  {
    name: 'semaphores without their padding',
    bytes: image('IPCNS_SEM', '0a0e0800100018002000280030003800 1001', Buffer.from([1, 0])),
    reason: /padding announces 6 bytes, 0 are left/,
    entry: 0,
    field: 'extra',
  },
  {
    name: 'a ghost file without its entry',
    bytes: u32(COMMON, MAGIC.GHOST_FILE),
    reason: /ends where its entry should be/,
    offset: 8,
  },
];

for (const { name, bytes, reason, offset, entry, field, code } of CASES) {
  test(`${name}: refused with the place, by decode, show and the reader alike`, () => {
    const file = path.join(scratch, 'image.img');
    writeFileSync(file, bytes);
    for (const pretty of [false, true]) {
      const error = imageErrorOf(() => jsonOf(file, { pretty }));
      assert.match(error.message, reason);
      assert.ok(error.message.startsWith(`${file}: `) && !error.message.includes('\n'), error.message);
      assert.equal(error.code, code ?? 'BAD_IMAGE');
      assert.equal(error.entry, entry);
      if (offset !== undefined) assert.equal(error.offsetBytes, offset, error.message);
      if (field !== undefined) assert.equal(error.fieldPath, field, error.message);
    }
    assert.match(imageErrorOf(() => [...openImageReader(file)]).message, reason);
  });
}

test('100 messages inside one another are read', () => {
  assert.doesNotThrow(() => jsonOf(nested(100)));
  assert.doesNotThrow(() => [...openImageReader(nested(100))]);
});

test('an error inside a message names the path to the field', () => {
  const error = imageErrorOf(() => jsonOf(image('FDINFO', '0801 1000 1801 20ff')));
  assert.equal(error.message, 'entry 0, offset 19, fd: ends within a number');
  const nestedError = imageErrorOf(() =>
    jsonOf(Buffer.concat([u32(COMMON, 0x55053847, 6), Buffer.from('08011a0208ff', 'hex')])),
  );
  assert.equal(nestedError.message, 'entry 0, offset 17, tc.task_state: ends within a number');
});

test('every image cut off at every byte is refused with its place, or is a shorter sound image', () => {
  for (const file of imagesBelow(FIXTURES)) {
    const bytes = contentOf(file);
    if (bytes.length > 2500) continue;
    for (let length = 0; length < bytes.length; length++) {
      const cut = bytes.subarray(0, length);
      try {
        jsonOf(cut);
      } catch (error) {
        assert.ok(error instanceof ImageError, `${file} cut at ${length}: ${String(error)}`);
        assert.ok((error.offsetBytes ?? -1) >= 0 && (error.offsetBytes ?? 0) <= length, error.message);
        if (error.code === 'UNKNOWN_MAGIC' || length < 8) continue;
        JSON.parse(jsonOf(cut, { recover: true }));
      }
      if (length >= 8)
        try {
          imageInfo(cut);
        } catch (error) {
          assert.ok(error instanceof ImageError, `info of ${file} cut at ${length}: ${String(error)}`);
        }
    }
  }
});

test('a directory is refused', () => {
  const error = imageErrorOf(() => jsonOf(scratch));
  assert.equal(error.code, 'NOT_A_FILE');
  assert.equal(error.message, `${scratch}: a directory, not an image`);
});

test('a file that is not there is refused', () => {
  assert.equal(imageErrorOf(() => jsonOf(path.join(scratch, 'nowhere'))).code, 'NO_IMAGE');
});

const linux = process.platform === 'linux' ? {} : { skip: 'needs Linux' };

test('a FIFO is refused at once, it is not waited for', linux, () => {
  const fifo = path.join(scratch, 'fifo');
  execFileSync('mkfifo', [fifo]);
  assert.match(imageErrorOf(() => jsonOf(fifo)).message, /a FIFO, not an image/);
});

test('a device is refused', linux, () => {
  assert.match(imageErrorOf(() => jsonOf('/dev/zero')).message, /a character device, not an image/);
});

test('a device on an own descriptor ends at its magic', linux, () => {
  const fd = openSync('/dev/zero', 'r');
  try {
    assert.equal(imageErrorOf(() => jsonOf({ fd, name: 'stdin' })).code, 'UNKNOWN_MAGIC');
  } finally {
    closeSync(fd);
  }
});

test('a pipe that gives its bytes one by one is read all the same', linux, () => {
  const file = imagesBelow(FIXTURES).find((name) => name.includes('pipes-data')) ?? '';
  const script = `import { printImage } from ${JSON.stringify(new URL('../../src/decode/print-image.js', import.meta.url).href)};
    printImage({ fd: 0, name: 'stdin' }, (chunk) => process.stdout.write(Buffer.from(chunk)));`;
  const { stdout } = spawnSync('sh', [
    '-c',
    `dd if="$1" bs=1 2>/dev/null | "$2" --input-type=module -e "$3"`,
    'sh',
    file,
    process.execPath,
    script,
  ]);
  assert.equal(stdout.toString('latin1'), jsonOf(file));
});

test('sources say their size when it is known', () => {
  const file = imagesBelow(FIXTURES)[0] ?? '';
  const source = openByteSource(file);
  assert.equal(source.sizeBytes, contentOf(file).length);
  assert.equal(Buffer.compare(source.head(8), contentOf(file).subarray(0, 8)), 0);
  source.close();
  source.close();
});

/** What a script costs a process: peak resident memory in KiB beyond an empty one's, processor time in seconds. */
function cost(script: string): { kib: number; seconds: number } {
  const run = (code: string): [kib: number, micros: number] => {
    const { stdout, stderr, status } = spawnSync(
      process.execPath,
      [
        '--input-type=module',
        '-e',
        `${code}\nconst u = process.resourceUsage(); console.log(JSON.stringify([u.maxRSS, u.userCPUTime + u.systemCPUTime]));`,
      ],
      { encoding: 'utf8' },
    );
    assert.equal(status, 0, stderr);
    return JSON.parse(stdout.trim().split('\n').at(-1)!) as [number, number];
  };
  const [kib, micros] = run(script);
  const [floor] = run('');
  return { kib: kib - floor, seconds: micros / 1e6 };
}

const PRINT = JSON.stringify(new URL('../../src/decode/print-image.js', import.meta.url).href);

/** Inputs that would take much memory if they were believed, or if objects were made of them. */
const GREEDY: readonly (readonly [name: string, bytes: () => Buffer])[] = [
  ['a million empty messages in one', () => hugeMessage(Buffer.from('0a00'.repeat(1_000_000), 'hex'), MAGIC.APPARMOR)],
  [
    'two million numbers of a list, one in a form of its own',
    () =>
      hugeMessage(
        Buffer.concat([Buffer.from('708000', 'hex'), Buffer.from('7001'.repeat(2_000_000), 'hex')]),
        0x54023547,
      ),
  ],
  ['two million unknown fields', () => hugeMessage(Buffer.from('d80701'.repeat(2_000_000), 'hex'), MAGIC.FDINFO)],
  [
    'a string of 8 MB',
    () => hugeMessage(Buffer.concat([Buffer.from('0a8092f401', 'hex'), Buffer.alloc(4_000_000, 0xff)]), MAGIC.UTSNS),
  ],
];

function hugeMessage(message: Buffer, magic: number): Buffer {
  return Buffer.concat([u32(COMMON, magic, message.length), message]);
}

for (const [name, bytes] of GREEDY) {
  test(`${name}: within 64 MiB beyond the input, and soon`, (t) => {
    const file = path.join(scratch, 'greedy.img');
    const content = bytes();
    writeFileSync(file, content);
    const { kib, seconds } = cost(`import { printImage } from ${PRINT};
      let bytes = 0;
      try { printImage(${JSON.stringify(file)}, (chunk) => { bytes += chunk.length; }); } catch (error) { if (error.code !== 'BAD_IMAGE') throw error; }`);
    t.diagnostic(`${kib} KiB, input ${Math.round(content.length / 1024)} KiB`);
    assert.ok(kib < 64 * 1024 + content.length / 1024, `${kib} KiB`);
    assert.ok(seconds < 5, `${seconds} s`);
  });
}

test('a payload that is announced beyond the file costs no memory', () => {
  const file = path.join(scratch, 'sparse.img');
  writeFileSync(file, image('PIPES_DATA', '0801 1080808080 08'));
  truncateSync(file, 1024 * 1024);
  const { kib } = cost(`import { printImage } from ${PRINT};
    try { printImage(${JSON.stringify(file)}, () => undefined); } catch (error) { if (error.code !== 'BAD_IMAGE') throw error; }`);
  assert.ok(kib < 64 * 1024, `${kib} KiB`);
});

test('a required field that is missing is refused where a whole message is wanted, and decoded around elsewhere', () => {
  const withoutSid = image('PSTREE', '0801 1000 1801 2801');
  const entries = [...openImageReader(withoutSid)];
  assert.ok(entries[0] && !('sid' in entries[0].message));
  const error = imageErrorOf(() => [...openImageReader(withoutSid, { strict: true })]);
  assert.match(error.message, /sid.*required/);
});
