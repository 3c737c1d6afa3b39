import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { gunzipSync, gzipSync } from 'node:zlib';
import { Header } from 'tar';
import { scrub, type ScrubOptions } from '../../src/edit/scrub.js';
import { FIELD_CLASSES, REGISTERS } from '../../src/edit/scrub/field-classes.js';
import type { ScrubCounts } from '../../src/edit/scrub/kinds.js';
import { writeSet } from '../../src/edit/write-set.js';
import { ImageDir } from '../../src/encode/image-dir.js';
import { headerBytes } from '../../src/encode/image-encoder.js';
import { describeType, IMAGE_TYPES, imageFileName, type ImageType } from '../../src/image/catalogue.js';
import { KIND } from '../../src/image/message-def.js';
import { openCheckpoint } from '../../src/inspect/checkpoint.js';
import { verify } from '../../src/inspect/verify/verify.js';
import { fixture } from '../project-path.js';
import { everyField, messagesOfImages } from './every-field.js';
import { copyOf, fresh, withPages } from './sets.js';

/** Stands in every secret of these tests. */
const SECRET = 'Hq7Zk2Vx';

interface Clean {
  readonly to: string;
  readonly images: ImageDir;
  readonly counts: ScrubCounts;
  readonly leftOut: readonly string[];
}

function clean(from: string, options: ScrubOptions = {}): Clean {
  const to = fresh();
  using scrubbed = scrub(openCheckpoint(from), options);
  writeSet(scrubbed.set, to);
  return { to, images: new ImageDir(to), counts: scrubbed.counts, leftOut: scrubbed.leftOut };
}

/** Every file of a directory, unpacked where it is packed. */
function bytesOf(directory: string): Map<string, Buffer> {
  return new Map(
    readdirSync(directory, { recursive: true, withFileTypes: true })
      .filter((one) => one.isFile())
      .map(({ name, parentPath }) => {
        const bytes = readFileSync(path.join(parentPath, name));
        return [name, bytes[0] === 0x1f && bytes[1] === 0x8b ? gunzipSync(bytes) : bytes] as const;
      }),
  );
}

function assertGone(directory: string, secret: string | Buffer = SECRET): void {
  for (const [name, bytes] of bytesOf(directory)) {
    const at = bytes.indexOf(secret);
    assert.equal(at, -1, `${name}, byte ${at}: ${bytes.toString('latin1', Math.max(0, at - 30), at + 30)}`);
    assert.ok(!name.includes(SECRET), name);
  }
}

function setOf(write: (images: ImageDir, directory: string) => void): string {
  const directory = copyOf('tree');
  write(new ImageDir(directory), directory);
  return directory;
}

test('every text of the schema has a class, and every class is of a text', () => {
  const fields = messagesOfImages().flatMap((def) => def.fields.map((field) => ({ def, field })));
  const texts = fields
    .filter(({ field }) => field.kind === KIND.string || field.kind === KIND.bytes || field.ip)
    .map(({ def, field }) => `${def.name}.${field.name}`);
  const numbers = Object.entries(FIELD_CLASSES)
    .filter(([, fieldClass]) => fieldClass === 'value')
    .map(([name]) => name);
  assert.deepEqual(Object.keys(FIELD_CLASSES).sort(), [...texts, ...numbers].sort());
  for (const [message, kept] of Object.entries(REGISTERS)) {
    const def = messagesOfImages().find(({ name }) => name === message);
    assert.ok(def, message);
    for (const name of kept) assert.ok(def.byName.has(name), `${message}.${name}`);
  }
  const archs = messagesOfImages().filter(({ name }) =>
    /^(user_.*(regs|state|context|cb|ri|xsave|vxrs.*|cet|ext)_entry|pac_.*_keys)$/.test(name),
  );
  assert.deepEqual(archs.map(({ name }) => name).sort(), Object.keys(REGISTERS).sort());
});

test('a secret in any text of any image is taken out, and nothing becomes longer or shorter', () => {
  const kept: string[] = [];
  const directory = setOf((images) => {
    for (const description of IMAGE_TYPES) {
      if (description.message === null || description.payload === 'pagemap' || description.type.endsWith('_OLD'))
        continue;
      const message = everyField(description, (_path, def, { name }) => {
        const full = `${def.name}.${name}`;
        // the kernel's structure: who sent a signal stays, what came with it does not
        const before = FIELD_CLASSES[full] === 'siginfo' ? ' '.repeat(24) : '';
        if (FIELD_CLASSES[full] !== 'keep') return `${before}${SECRET}/${SECRET}.d=${SECRET},${SECRET}`;
        kept.push(full);
        return 'kept';
      });
      const id = description.file.includes('%') ? (description.type === 'STATS' ? 'dump' : 77) : undefined;
      images.write(description.type, id, [{ message }]);
    }
  });
  const { to, counts } = clean(directory);
  assertGone(to);
  assert.ok(counts.paths > 30 && counts.names > 20 && counts.data > 0);
  const [was, is] = [bytesOf(directory), bytesOf(to)];
  // numbers that become zero take less room
  for (const [name, bytes] of is)
    if (!/^(core|inventory)/.test(name)) assert.equal(bytes.length, was.get(name)?.length, name);
  assert.deepEqual(
    [...new Set(kept)].sort(),
    Object.entries(FIELD_CLASSES)
      .filter(([, fieldClass]) => fieldClass === 'keep')
      .map(([name]) => name)
      .sort(),
  );
});

test('what follows messages becomes zeros of the same number', () => {
  const bytes = Buffer.from(`before ${SECRET} behind`);
  const length = bytes.length;
  const desc = { key: 1, uid: 0, gid: 0, cuid: 0, cgid: 0, mode: 0, id: 0 };
  const ghost = { uid: 0, gid: 0, mode: 0o100644 };
  const directory = setOf((images) => {
    images.write('PIPES_DATA', undefined, [{ message: { pipe_id: 1, bytes: length }, extra: bytes }]);
    images.write('SK_QUEUES', undefined, [{ message: { id_for: 1, length }, extra: bytes }]);
    images.write('TCP_STREAM', 5, [
      {
        message: {
          inq_len: length,
          inq_seq: 0,
          outq_len: length,
          outq_seq: 0,
          opt_mask: 0,
          snd_wscale: 0,
          mss_clamp: 0,
        },
        extra: { inq: bytes, outq: bytes },
      },
    ]);
    images.write('GHOST_FILE', 1, [{ message: ghost, extra: bytes }]);
    images.write('GHOST_FILE', 2, [
      { message: { ...ghost, chunks: true, size: 8192n } },
      { message: { len: BigInt(length), off: 4096n }, extra: bytes },
    ]);
    images.write('IPCNS_MSG', 9, [
      {
        message: { desc, qbytes: 16384, qnum: 2 },
        extra: [
          { message: { mtype: 1n, msize: length }, data: bytes },
          { message: { mtype: 1n, msize: length }, data: bytes },
        ],
      },
    ]);
    images.write('IPCNS_SHM', 9, [{ message: { desc, size: BigInt(length) }, extra: bytes }]);
    images.write('BPFMAP_DATA', undefined, [
      { message: { map_id: 1, keys_bytes: length, values_bytes: 0, count: 1 }, extra: bytes },
    ]);
  });
  const { to, images, counts } = clean(directory);
  assertGone(to);
  assert.equal(counts.data, length * 9);
  const [, second] = images.read('GHOST_FILE', 2).entries;
  assert.deepEqual(second?.extra, new Uint8Array(length));
  assert.equal(images.read('IPCNS_MSG', 9).entries[0]?.extra?.length, 2);
  // kept, and one secret not
  const some = clean(directory, { keep: ['data', 'memory'], secrets: [Buffer.from(SECRET)] });
  assertGone(some.to);
  const queue = Buffer.from(some.images.read('SK_QUEUES').entries[0]!.extra!).toString();
  assert.match(queue, /^before [a-z2-7]{8} behind$/);
  assert.equal(Buffer.from(some.images.read('PIPES_DATA').entries[0]!.extra!).toString(), queue);
});

/** A field that no schema has. */
const record = (number: number, bytes: Uint8Array): Buffer => {
  const tag = (number << 3) | 2;
  return Buffer.concat([Buffer.from([(tag & 0x7f) | 0x80, (tag >> 7) & 0x7f, bytes.length]), bytes]);
};

test('what a field that nobody knows holds is taken out, at any depth', () => {
  const directory = setOf((images, to) => {
    const file = path.join(to, 'files.img');
    const entry = images.read('FILES').entries.find(({ message }) => message.reg);
    images.write('FILES', undefined, [entry!]);
    const whole = readFileSync(file);
    const head = headerBytes(describeType('FILES')).length;
    const message = Buffer.concat([
      whole.subarray(head + 4),
      record(200, Buffer.from(SECRET)),
      // another piece of `reg`, which protobuf merges with the first
      Buffer.concat([Buffer.from([0x1a, SECRET.length + 3]), record(201, Buffer.from(SECRET))]),
    ]);
    const size = Buffer.alloc(4);
    size.writeUInt32LE(message.length);
    writeFileSync(file, Buffer.concat([whole.subarray(0, head), size, message]));
  });
  assert.ok(readFileSync(path.join(directory, 'files.img')).includes(SECRET));
  const { to, counts, images } = clean(directory, { keep: ['paths'] });
  assertGone(to);
  assert.equal(counts.unknown, 2);
  assert.equal(images.read('FILES').entries.length, 1);
});

test('the same name has the same stand-in everywhere, and another name another one', () => {
  const secret = (name: string) => `/srv/${SECRET}/${name}`;
  const directory = setOf((images) => {
    const entry = images.read('FILES').entries.find(({ message }) => message.reg)!;
    const files = ['a', 'b', `${SECRET}2`, 'a'].map((name, id) => ({
      message: { ...entry.message, id, reg: { ...entry.message.reg!, id, name: secret(name) } },
    }));
    images.write('FILES', undefined, files);
    images.write('UTSNS', 3, [{ message: { nodename: SECRET, domainname: '(none)' } }]);
  });
  const { images } = clean(directory);
  const names = images.read('FILES').entries.map(({ message }) => message.reg!.name);
  const [, srv, first] = names[0]!.split('/');
  assert.equal(srv, 'srv');
  assert.ok(names.every((name) => name.startsWith(`/srv/${first}/`)));
  assert.equal(names[0], names[3]);
  assert.equal(new Set(names).size, 3);
  const uts = images.first('UTSNS', 3)!;
  assert.deepEqual([uts.nodename, uts.domainname], [first, '(none)']);
  // made anew for each run: nobody can try words out
  assert.notEqual(clean(directory).images.first('UTSNS', 3)!.nodename, uts.nodename);
});

test('system paths stay where they are asked to, kernel paths always', () => {
  const paths = ['/usr/lib/x86_64-linux-gnu/libc.so.6', '/dev/pts/3', '/proc/812/fd', `/home/${SECRET}/libc.so.6`];
  const directory = setOf((images) => {
    const entry = images.read('FILES').entries.find(({ message }) => message.reg)!;
    const files = paths.map((name, id) => ({
      message: { ...entry.message, id, reg: { ...entry.message.reg!, id, name } },
    }));
    images.write('FILES', undefined, files);
  });
  const of = (options: ScrubOptions) =>
    clean(directory, options)
      .images.read('FILES')
      .entries.map(({ message }) => message.reg!.name);
  const all = of({});
  assert.match(all[0]!, /^\/usr\/lib\/[a-z2-7]{16}\/[a-z2-7]{9}$/);
  assert.deepEqual(all.slice(1, 3), paths.slice(1, 3));
  assert.deepEqual(of({ keepsSystemPaths: true }).slice(0, 3), paths.slice(0, 3));
  assert.match(of({ keepsSystemPaths: true })[3]!, /^\/home\/[a-z2-7]{8}\/[a-z2-7]{9}$/);
});

/** The words of an address, as images have them. */
const words = (...bytes: number[]): number[] => [...new Uint32Array(Uint8Array.from(bytes).buffer)];

test('addresses of one network stay of one network, loopback stays loopback', () => {
  const from = fixture('tcp_est');
  const directory = copyOf('tcp_est');
  const images = new ImageDir(directory);
  const socket = new ImageDir(from).read('FILES').entries.find(({ message }) => message.isk)!;
  const pairs = [
    [words(192, 168, 7, 12), words(192, 168, 7, 99)],
    [words(192, 168, 8, 12), words(127, 0, 0, 1)],
    [words(0x20, 1, 0xd, 0xb8, ...Array<number>(11).fill(0), 5), words(...Array<number>(15).fill(0), 1)],
  ];
  images.write(
    'FILES',
    undefined,
    pairs.map(([src_addr, dst_addr], id) => ({
      message: { ...socket.message, id, isk: { ...socket.message.isk!, id, src_addr: src_addr!, dst_addr: dst_addr! } },
    })),
  );
  const { images: out, counts } = clean(directory);
  const [first, second, third] = out.read('FILES').entries.map(({ message }) => message.isk!);
  const bytes = (address: readonly number[] | undefined) => [...new Uint8Array(Uint32Array.from(address ?? []).buffer)];
  const [a, b, c] = [first!.src_addr, first!.dst_addr, second!.src_addr].map(bytes) as [number[], number[], number[]];
  assert.deepEqual(a.slice(0, 3), b.slice(0, 3));
  assert.notEqual(a[3], b[3]);
  assert.deepEqual(a.slice(0, 2), c.slice(0, 2));
  assert.notEqual(a[2], c[2]);
  assert.notDeepEqual(a, [192, 168, 7, 12]);
  assert.deepEqual(second!.dst_addr, pairs[1]![1]);
  assert.deepEqual(third!.dst_addr, pairs[2]![1]);
  assert.notDeepEqual(third!.src_addr, pairs[2]![0]);
  assert.equal(counts.addresses, 4);
});

test('the addresses of multicast groups and of senders are others', () => {
  const directory = copyOf('udp');
  const images = new ImageDir(directory);
  const { message } = images.read('FILES').entries.find((entry) => entry.message.isk)!;
  const [one, two] = [words(10, 77, 3, 5), words(10, 77, 3, 6)] as [number[], number[]];
  const group = { group: words(239, 1, 2, 3), ifindex: 1, sources: [...one, ...two] };
  const ip_opts = { multicast_if: Buffer.from([10, 77, 3, 5]) };
  images.write('FILES', undefined, [{ message: { ...message, isk: { ...message.isk!, ip_opts, groups: [group] } } }]);
  const from = Buffer.from([2, 0, 0, 53, 10, 77, 3, 5, ...Array<number>(8).fill(0)]);
  images.write('SK_QUEUES', undefined, [{ message: { id_for: 1, length: 0, from } }]);
  const out = clean(directory).images;
  const found = out.read('FILES').entries[0]!.message.isk!;
  const [first, second] = found.groups![0]!.sources!;
  const is = [...new Uint8Array(Uint32Array.of(first!).buffer)];
  assert.notDeepEqual(is, [10, 77, 3, 5]);
  assert.notEqual(first, second);
  assert.deepEqual(found.groups![0]!.group, group.group);
  assert.deepEqual([...found.ip_opts!.multicast_if!], is);
  assert.deepEqual([...out.read('SK_QUEUES').entries[0]!.message.from!].slice(0, 8), [2, 0, 0, 53, ...is]);
});

test('registers go, but for those that tell where a thread is', () => {
  const of = (images: ImageDir) => images.first('CORE', 812)!.thread_info!;
  const [was, is] = [of(new ImageDir(fixture('tree'))), of(clean(fixture('tree')).images)];
  for (const name of ['ip', 'sp', 'cs', 'fs_base', 'orig_ax', 'flags'] as const)
    assert.equal(is.gpregs[name], was.gpregs[name]);
  for (const name of ['ax', 'bx', 'si', 'r15', 'bp'] as const) assert.equal(is.gpregs[name], 0n);
  assert.equal(is.fpregs.xmm_space?.length, was.fpregs.xmm_space?.length);
  assert.ok(is.fpregs.xmm_space?.every((word) => word === 0));
  const all = clean(fixture('tree'), { allRegisters: true }).images.first('CORE', 812)!.thread_info!;
  assert.deepEqual([all.gpregs.ip, all.gpregs.sp], [0n, 0n]);
});

test('memory becomes zeros; what is kept loses a secret that lies across two pages and two reads', () => {
  const directory = withPages('tree');
  const file = 'pages-1.img';
  const pages = Buffer.alloc(3 << 20, 0x41);
  const places = [100, 4094, (1 << 20) - 3, 2 << 20, pages.length - SECRET.length];
  for (const at of places) pages.write(SECRET, at);
  writeFileSync(path.join(directory, file), pages);
  const zeros = clean(directory);
  assert.ok(readFileSync(path.join(zeros.to, file)).equals(Buffer.alloc(pages.length)));
  for (const secret of [Buffer.from(SECRET), /Hq7\w{3}Vx/]) {
    const { to, counts } = clean(directory, { keep: ['memory', 'environment'], secrets: [secret] });
    assertGone(to);
    const out = readFileSync(path.join(to, file));
    assert.equal(out.length, pages.length);
    assert.equal(counts.secrets, places.length);
    const stand = places.map((at) => out.toString('latin1', at, at + SECRET.length));
    assert.equal(new Set(stand).size, 1);
    for (const at of places) pages.copy(out, at, at, at + SECRET.length);
    assert.ok(out.equals(pages));
  }
});

/** A netlink message of an address, with a label and an attribute that nobody knows. */
function netlink(): Buffer {
  const attribute = (type: number, bytes: Uint8Array): Buffer => {
    const out = Buffer.alloc((4 + bytes.length + 3) & ~3);
    out.writeUInt16LE(4 + bytes.length);
    out.writeUInt16LE(type, 2);
    out.set(bytes, 4);
    return out;
  };
  const body = Buffer.concat([
    Buffer.from([2, 24, 0, 0, 3, 0, 0, 0]),
    attribute(1, Buffer.from([10, 77, 3, 5])),
    attribute(3, Buffer.from(`${SECRET}\0`)),
    attribute(99, Buffer.from(SECRET)),
  ]);
  const header = Buffer.alloc(20);
  header.writeUInt32LE(0x47361222);
  header.writeUInt32LE(16 + body.length, 4);
  header.writeUInt16LE(20, 8);
  return Buffer.concat([header, body]);
}

function tarOf(...members: [name: string, content: string, extra?: object][]): Buffer {
  const blocks = members.flatMap(([name, content, extra = {}]) => {
    const head = Buffer.alloc(512);
    new Header({ path: name, size: content.length, mode: 0o644, type: 'File', uname: SECRET, ...extra }).encode(head);
    return [head, Buffer.from(content), Buffer.alloc((512 - (content.length % 512)) % 512)];
  });
  return Buffer.concat([...blocks, Buffer.alloc(1024)]);
}

test('images without entries: addresses, rules, and archives of files', () => {
  const rules = `*filter\n:INPUT ACCEPT [1:2]\n:${SECRET} - [0:0]\n-A INPUT -s 10.77.3.5/32 -m comment --comment "${SECRET}" -j ${SECRET}\nCOMMIT\n`;
  const pax = `30 SCHILY.xattr.user.${SECRET}=1\n`;
  const archive = tarOf(
    [`pax`, pax.replace('30', String(pax.length)), { type: 'ExtendedHeader' }],
    [`tmp/${SECRET}.txt`, `content ${SECRET}`],
    [`dir/link`, '', { type: 'SymbolicLink', linkpath: `../${SECRET}` }],
  );
  const directory = setOf((_images, to) => {
    const put = (type: ImageType, bytes: Uint8Array | string) => {
      writeFileSync(path.join(to, imageFileName(type, 9)), bytes);
    };
    put('IFADDR', netlink());
    put('IPTABLES', rules);
    put('TMPFS_DEV', gzipSync(archive));
    put('TMPFS_IMG', gzipSync(archive).subarray(0, 200)); // torn
    put('ROUTE', Buffer.concat([Buffer.from(SECRET), netlink()])); // no dump at all
  });
  const { to } = clean(directory);
  assertGone(to);
  const out = bytesOf(to);
  assertGone(to, Buffer.from([10, 77, 3, 5]));
  assertGone(to, '10.77.3.5');
  assert.equal(out.get('ifaddr-9.img')!.length, netlink().length);
  const text = out.get('iptables-9.img')!.toString();
  assert.match(
    text,
    /^\*filter\n:INPUT ACCEPT \[1:2\]\n:([a-z2-7]{8}) - \[0:0\]\n-A INPUT -s [\d.]+\/32 -m comment --comment "\1" -j \1\nCOMMIT\n$/,
  );
  assert.equal(out.get('tmpfs-dev-9.tar.gz.img')!.length, archive.length);
  assert.ok(/\0tmp\/[a-z2-7]{12}\0/.test(out.get('tmpfs-dev-9.tar.gz.img')!.toString('latin1')));
});

test('what engines write of a container comes along without its secrets, logs do not', () => {
  const directory = fresh();
  const below = path.join(directory, 'checkpoint');
  mkdirSync(below, { recursive: true });
  for (const [name, bytes] of bytesOf(fixture('tree'))) writeFileSync(path.join(below, name), bytes);
  writeFileSync(path.join(below, 'descriptors.json'), JSON.stringify(['/dev/null', `pipe:[${SECRET}]`]));
  writeFileSync(path.join(below, 'dump.log'), SECRET);
  const spec = {
    ociVersion: '1.0.2',
    hostname: SECRET,
    process: { args: [`/bin/${SECRET}`], env: [`TOKEN=${SECRET}`], capabilities: { bounding: ['CAP_CHOWN'] } },
    annotations: { 'io.container.manager': 'libpod', [`com.${SECRET}`]: SECRET },
  };
  writeFileSync(path.join(directory, 'spec.dump'), JSON.stringify(spec));
  const network = {
    podman: { interfaces: { eth0: { subnets: [{ ipnet: '10.77.3.5/16' }], mac_address: '0a:1b:2c:3d:4e:5f' } } },
  };
  writeFileSync(path.join(directory, 'network.status'), JSON.stringify(network));
  writeFileSync(path.join(directory, 'rootfs-diff.tar'), tarOf([`etc/${SECRET}`, SECRET]));
  const { to, leftOut } = clean(directory);
  for (const secret of [SECRET, '10.77.3.5', '0a:1b:2c']) assertGone(to, secret);
  assert.deepEqual(leftOut, ['dump.log']);
  const out = JSON.parse(readFileSync(path.join(to, 'spec.dump'), 'utf8')) as typeof spec;
  assert.equal(out.process.args[0], `/bin/${out.hostname}`);
  assert.deepEqual([out.ociVersion, out.process.capabilities.bounding], ['1.0.2', ['CAP_CHOWN']]);
  assert.equal(out.annotations['io.container.manager'], 'libpod');
  assert.ok(readdirSync(to).includes('rootfs-diff.tar'));
});

test('a damaged image is zeros from where it is damaged, whatever is cut off', () => {
  const directory = setOf((images) => {
    images.write('UTSNS', 3, [
      { message: { nodename: SECRET, domainname: SECRET } },
      { message: { nodename: SECRET, domainname: SECRET } },
    ]);
  });
  const whole = readFileSync(path.join(directory, 'utsns-3.img'));
  for (let length = 8; length < whole.length; length += 5) {
    writeFileSync(path.join(directory, 'utsns-3.img'), whole.subarray(0, length));
    const { to } = clean(directory);
    assertGone(to);
    assert.equal(readFileSync(path.join(to, 'utsns-3.img')).length, length);
  }
  for (let at = 8; at < whole.length; at += 3) {
    const bytes = Buffer.from(whole);
    bytes[at] = 0xff;
    writeFileSync(path.join(directory, 'utsns-3.img'), bytes);
    assertGone(clean(directory).to);
  }
});

for (const name of readdirSync(fixture()))
  test(`${name}: crit verify has no finding that it did not have before`, () => {
    const from = withPages(name);
    const { to } = clean(from);
    const findings = (directory: string) =>
      verify(openCheckpoint(directory)).findings.map(({ code, image, entry }) => [code, image, entry]);
    assert.deepEqual(findings(to), findings(from));
  });
