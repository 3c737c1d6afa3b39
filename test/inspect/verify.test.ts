import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, it, test } from 'node:test';
import { encodeImage, type Image } from '../../src/index.js';
import { readWhole } from '../../src/decode/image-reader.js';
import { imageFileName, typeOfFileName, type EntryImageType } from '../../src/image/catalogue.js';
import { FdTypes, Lsmtype } from '../../src/image/generated/messages.js';
import type { EntryMessage } from '../../src/image/entry.js';
import { RULES } from '../../src/inspect/verify/rules.js';
import { hostRules } from '../../src/inspect/verify/host.js';
import { verify, type Verification } from '../../src/inspect/verify/verify.js';
import { fixture, projectPath } from '../project-path.js';
import { memoryCheckpoint, readSet, type Content } from './memory-set.js';

const sets = new Map(readdirSync(fixture()).map((name) => [name, readSet(fixture(name))]));
const check = (files: ReadonlyMap<string, Content>): Verification => verify(memoryCheckpoint(files));

/** A set with one image changed: its entries are decoded, changed, encoded. */
function changed<T extends EntryImageType>(
  set: string,
  type: T,
  change: (messages: EntryMessage<T>[], image: Image<T>) => void,
  id?: number,
): Map<string, Content> {
  const files = new Map(sets.get(set));
  const name =
    id === undefined ? [...files.keys()].find((file) => typeOfFileName(file)?.type === type)! : imageFileName(type, id);
  const image = readWhole<T>(files.get(name) as Uint8Array, { type });
  change(
    image.entries.map(({ message }) => message),
    image,
  );
  files.set(name, encodeImage(image as unknown as Image));
  return files;
}

describe('a set that restores has no findings', () => {
  for (const [name, files] of sets)
    it(name, () => {
      const { findings, sound } = check(files);
      assert.deepEqual(findings, []);
      assert.ok(sound);
    });
});

/** What is broken, in which set, how, and the rule that says so. */
const BROKEN: readonly (readonly [code: string, what: string, files: () => Map<string, Content>])[] = [
  [
    'V_PSTREE_PARENT',
    'a parent that is not there',
    () => changed('tree', 'PSTREE', (tasks) => (tasks[1]!.ppid = 99999)),
  ],
  [
    'V_PSTREE_PARENT',
    'a ring of parents',
    () => changed('tree', 'PSTREE', (tasks) => (tasks[1]!.ppid = tasks[1]!.pid)),
  ],
  [
    'V_PSTREE_PID',
    'a pid that is there twice',
    () => changed('tree', 'PSTREE', (tasks) => (tasks[1]!.pid = tasks[0]!.pid)),
  ],
  ['V_PSTREE_ROOT', 'two roots', () => changed('tree', 'PSTREE', (tasks) => (tasks[1]!.ppid = 0))],
  [
    'V_PSTREE_THREADS',
    'a thread that is there twice',
    () => changed('tree', 'PSTREE', (tasks) => tasks[0]!.threads!.push(tasks[0]!.pid)),
  ],
  [
    'V_IMAGE_MISSING',
    'a thread without a core',
    () => changed('tree', 'PSTREE', (tasks) => tasks[0]!.threads!.push(77777)),
  ],
  ['V_PSTREE_SESSION', 'a session leader elsewhere', () => changed('tree', 'PSTREE', (tasks) => (tasks[0]!.sid = 1))],
  [
    'V_INVENTORY_VERSION',
    'a version that nobody knows',
    () => changed('tree', 'INVENTORY', ([one]) => (one!.img_version = 9)),
  ],
  [
    'V_CORE_STATE',
    'a state that no dump leaves',
    () => changed('pipes', 'CORE', ([core]) => (core!.tc!.task_state = 5)),
  ],
  [
    'V_CORE_NAME',
    'a name that is too long',
    () => changed('pipes', 'CORE', ([core]) => (core!.tc!.comm = core!.thread_core!.comm = 'x'.repeat(16))),
  ],
  [
    'V_CORE_LIMITS',
    'a soft limit above the hard one',
    () => changed('pipes', 'CORE', ([core]) => (core!.tc!.rlimits!.rlimits![7]!.max = 0n)),
  ],
  [
    'V_CORE_CREDS',
    'effective capabilities that are not permitted',
    () => changed('pipes', 'CORE', ([core]) => (core!.thread_core!.creds!.cap_prm = [0, 0])),
  ],
  ['V_CORE_ACTIONS', 'an action is missing', () => changed('pipes', 'CORE', ([core]) => core!.tc!.sigactions!.pop())],
  ['V_CORE_REGISTERS', 'registers of another machine', () => changed('pipes', 'CORE', ([core]) => (core!.mtype = 3))],
  [
    'V_CORE_ADDRESS',
    'an instruction that is not mapped',
    () => changed('pipes', 'CORE', ([core]) => (core!.thread_info!.gpregs.ip = 0x10n)),
  ],
  ['V_FD', 'a file that is not there', () => changed('pipes', 'FDINFO', ([fd]) => (fd!.id = 4242))],
  ['V_FD', 'a descriptor that is there twice', () => changed('pipes', 'FDINFO', (fds) => (fds[1]!.fd = fds[0]!.fd))],
  ['V_FD', 'another type', () => changed('pipes', 'FDINFO', ([fd]) => (fd!.type = 6))],
  ['V_FILE', 'a message of another id', () => changed('pipes', 'FILES', (files) => (files[0]!.id = 4242))],
  [
    'V_FILE_PATH',
    'a path that is not absolute',
    () => changed('pipes', 'FILES', (files) => (files.find(({ reg }) => reg)!.reg!.name = 'etc/passwd')),
  ],
  ['V_FS', 'a directory that is not there', () => changed('pipes', 'FS', ([fs]) => (fs!.cwd_id = 4242))],
  [
    'V_VMA',
    'mappings that overlap',
    () => changed('pipes', 'MM', ([mm]) => (mm!.vmas![1]!.start = mm!.vmas![0]!.start)),
  ],
  ['V_VMA', 'a mapping that is not of whole pages', () => changed('pipes', 'MM', ([mm]) => (mm!.vmas![0]!.end += 1n))],
  [
    'V_VMA_FILE',
    'a mapping of no file',
    () => changed('pipes', 'MM', ([mm]) => (mm!.vmas!.find(({ status }) => status & 0x40)!.shmid = 4242n)),
  ],
  ['V_MM_PROGRAM', 'no program', () => changed('pipes', 'MM', ([mm]) => (mm!.exe_file_id = 4242))],
  ['V_MM_ORDER', 'a heap that ends before it starts', () => changed('pipes', 'MM', ([mm]) => (mm!.mm_brk = 1n))],
  [
    'V_MM_AIO',
    'a context without its ring',
    () => changed('pipes', 'MM', ([mm]) => (mm!.aios = [{ id: 0x1000n, nr_req: 1, ring_len: 4096 }])),
  ],
  ['V_MM_AIO', 'a ring without its context', () => changed('pipes', 'MM', ([mm]) => (mm!.vmas![1]!.status |= 1 << 13))],
  [
    'V_PAGEMAP_VMA',
    'pages where nothing is mapped',
    () => changed('pipes', 'MM', ([mm]) => (mm!.vmas = mm!.vmas!.filter(({ status }) => !(status & 0x200)))),
  ],
  [
    'V_PAGEMAP',
    'runs out of order',
    () =>
      changed('pipes', 'PAGEMAP', (_runs, image) => image.entries.splice(1, 2, image.entries[2]!, image.entries[1]!)),
  ],
  [
    'V_PAGEMAP_FLAGS',
    'flags that no dump makes',
    () => changed('pipes', 'PAGEMAP', (runs) => ((runs[1] as { flags: number }).flags = 0x80)),
  ],
  ['V_PAGES_SIZE', 'pages that are cut off', () => new Map(sets.get('pipes')).set('pages-1.img', 4096)],
  [
    'V_PAGEMAP_PARENT',
    'pages of a parent that is not there',
    () => changed('pipes', 'PAGEMAP', (runs) => ((runs[1] as { flags: number }).flags = 1)),
  ],
  [
    'V_PAGES_ID',
    'two pagemaps with one image of pages',
    () => changed('pipes', 'PAGEMAP', ([head]) => ((head as { pages_id: number }).pages_id = 2)),
  ],
  [
    'V_SHMEM',
    'shared memory of nobody',
    () => new Map(sets.get('pipes')).set('pagemap-shmem-9.img', sets.get('pipes')!.get('pagemap-29869.img')!),
  ],
  ['V_PIPE_DATA', 'data of no pipe', () => changed('pipes', 'PIPES_DATA', ([data]) => (data!.pipe_id = 4242))],
  [
    'V_FIFO_FILE',
    'a FIFO without a path',
    () => changed('fifo', 'FILES', (files) => (files.find(({ fifo }) => fifo)!.fifo!.regf_id = 4242)),
  ],
  [
    'V_UNIX_PEER',
    'a peer that is not there',
    () => changed('unix_scm', 'FILES', (files) => (files.find(({ usk }) => usk)!.usk!.peer = 4242)),
  ],
  ['V_QUEUE', 'a message for nobody', () => changed('unix_scm', 'SK_QUEUES', ([one]) => (one!.id_for = 4242))],
  [
    'V_QUEUE',
    'a message with a file that is not there',
    () => changed('unix_scm', 'SK_QUEUES', (all) => (all.find(({ scm }) => scm?.length)!.scm![0]!.rights = [4242])),
  ],
  [
    'V_INET_ADDRESS',
    'no address',
    () => changed('tcp_est', 'FILES', (files) => (files.find(({ isk }) => isk)!.isk!.src_addr = [])),
  ],
  [
    'V_TCP_STREAM',
    'a connection of no socket',
    () =>
      new Map(sets.get('tcp_est')).set(
        'tcp-stream-7.img',
        [...sets.get('tcp_est')!].find(([name]) => name.startsWith('tcp-stream'))![1],
      ),
  ],
  ['V_MEMFD', 'a memfd that is not told', () => changed('memfd', 'MEMFD_INODE', ([one]) => (one!.inode_id = 4242n))],
  [
    'V_REMAP',
    'a deleted file that is not there',
    () => changed('ghost', 'REMAP_FPATH', ([one]) => (one!.orig_id = 4242)),
  ],
  ['V_REMAP', 'content of no file', () => changed('ghost', 'REMAP_FPATH', (_all, image) => image.entries.pop())],
  [
    'V_MOUNT',
    'a mount on nothing',
    () =>
      changed(
        'ns_mnt',
        'MNTS',
        (mounts) => (mounts.find(({ mountpoint }) => mountpoint !== '/')!.parent_mnt_id = 4242),
      ),
  ],
  [
    'V_FILE_MOUNT',
    'a file on no mount',
    () => changed('ns_mnt', 'FILES', (files) => (files.find(({ reg }) => reg)!.reg!.mnt_id = 4242)),
  ],
  [
    'V_NS_FILE',
    'a socket of no namespace',
    () => changed('udp', 'FILES', (files) => (files.find(({ isk }) => isk)!.isk!.ns_id = 4242)),
  ],
  [
    'V_USERNS_MAP',
    'a user namespace without users',
    () => changed('container', 'USERNS', ([one]) => (one!.uid_map = [])),
  ],
  [
    'V_IMAGE_RAW',
    'an archive that is cut off',
    () =>
      new Map(
        [...sets.get('ns_mnt')!].map(([name, bytes]) => [
          name,
          name.startsWith('tmpfs') ? (bytes as Uint8Array).subarray(0, 30) : bytes,
        ]),
      ),
  ],
];

describe('what is broken is named by its rule', () => {
  for (const [code, what, files] of BROKEN)
    it(`${code}: ${what}`, () => {
      const { findings } = check(files());
      assert.ok(
        findings.some((finding) => finding.code === code),
        JSON.stringify(findings, null, 1),
      );
    });
});

const owner = { uid: 0, euid: 0, signum: 0, pid_type: 0, pid: 0 };
const fown = { id: 900, flags: 0, fown: owner };
const handle = { bytes: 8, type: 1, handle: [1n] };
const watch = (wd: number, more: object = {}) => ({ id: 0, i_ino: 1n, mask: 2, ignored_mask: 0, s_dev: 1, wd, f_handle: { ...handle, ...more } }); // prettier-ignore
const ify = (...wd: object[]) => ({ ify: { ...fown, wd } });
const ffy = (mark: object) => ({ ffy: { ...fown, faflags: 0, evflags: 0, mark: [{ id: 0, mflags: 0, mask: 1, ignored_mask: 0, s_dev: 1, ...mark }] } }); // prettier-ignore
const tfd = (more: object = {}) => ({ tfd: { ...fown, clockid: 1, ticks: 0n, settime_flags: 1, vsec: 5n, vnsec: 5n, isec: 0n, insec: 0n, ...more } }); // prettier-ignore
const bpf = (more: object = {}) => ({ bpf: { ...fown, pos: 0n, map_type: 1, key_size: 4, value_size: 8, map_id: 3, max_entries: 2, map_flags: 0, memlock: 0n, frozen: false, map_name: 'm', ifindex: 0, ...more } }); // prettier-ignore

/** A set with one more open file. */
const withFile = (type: number, message: object): Map<string, Content> =>
  changed('pipes', 'FILES', (_all, image) => image.entries.push({ message: { type, id: 900, ...message } }));
/** A set with one more image. */
const withImage = (files: Map<string, Content>, type: EntryImageType, id: number | undefined, ...entries: object[]) =>
  files.set(imageFileName(type, id), encodeImage({ type, entries } as unknown as Image));
const bpfData = (more: object = {}) => ({ message: { map_id: 3, keys_bytes: 8, values_bytes: 16, count: 2, ...more }, extra: new Uint8Array(24) }); // prettier-ignore
const times = (nsec: bigint) => ({ message: { monotonic: { tv_sec: 1n, tv_nsec: nsec }, boottime: { tv_sec: 1n, tv_nsec: 0n } } }); // prettier-ignore

describe('values of kernel objects', () => {
  const cases: readonly (readonly [code: string, what: string, isSound: boolean, files: () => Map<string, Content>])[] =
    [
      ['V_INOTIFY', 'watches with handles', true, () => withFile(FdTypes.INOTIFY, ify(watch(2), watch(1)))],
      ['V_INOTIFY', 'a watch twice', false, () => withFile(FdTypes.INOTIFY, ify(watch(1), watch(1)))],
      ['V_INOTIFY', 'no handle', false, () => withFile(FdTypes.INOTIFY, ify(watch(1, { handle: [] })))],
      ['V_INOTIFY', 'a relative path', false, () => withFile(FdTypes.INOTIFY, ify(watch(1, { path: 'x' })))],
      ['V_FANOTIFY', 'a mark on a file', true, () => withFile(FdTypes.FANOTIFY, ffy({ type: 1, ie: { i_ino: 1n, f_handle: handle } }))], // prettier-ignore
      ['V_FANOTIFY', 'a mark on no file', false, () => withFile(FdTypes.FANOTIFY, ffy({ type: 1 }))],
      ['V_FANOTIFY', 'a mark on no mount', false, () => withFile(FdTypes.FANOTIFY, ffy({ type: 2 }))],
      ['V_TIMERFD', 'a timer', true, () => withFile(FdTypes.TIMERFD, tfd())],
      ['V_TIMERFD', 'a clock of no timerfd', false, () => withFile(FdTypes.TIMERFD, tfd({ clockid: 4 }))],
      ['V_TIMERFD', 'a second too much', false, () => withFile(FdTypes.TIMERFD, tfd({ vnsec: 1_000_000_000n }))],
      ['V_TIMERFD', 'no flag', false, () => withFile(FdTypes.TIMERFD, tfd({ settime_flags: 8 }))],
      ['V_TIMERFD', 'more than a timer holds', false, () => withFile(FdTypes.TIMERFD, tfd({ isec: 1n << 60n }))],
      ['V_SIGNALFD', 'a mask', true, () => withFile(FdTypes.SIGNALFD, { sgfd: { ...fown, sigmask: 1n } })],
      ['V_SIGNALFD', 'SIGKILL', false, () => withFile(FdTypes.SIGNALFD, { sgfd: { ...fown, sigmask: 1n << 8n } })],
      ['V_BPF_MAP', 'contents of a map', true, () => withImage(withFile(FdTypes.BPFMAP, bpf()), 'BPFMAP_DATA', undefined, bpfData())], // prettier-ignore
      ['V_BPF_MAP', 'more than a map holds', false, () => withImage(withFile(FdTypes.BPFMAP, bpf({ max_entries: 1 })), 'BPFMAP_DATA', undefined, bpfData())], // prettier-ignore
      ['V_BPF_MAP', 'keys of another size', false, () => withImage(withFile(FdTypes.BPFMAP, bpf({ key_size: 2 })), 'BPFMAP_DATA', undefined, bpfData())], // prettier-ignore
      ['V_BPF_MAP', 'contents of no map', false, () => withImage(withFile(FdTypes.BPFMAP, bpf({ map_id: 4 })), 'BPFMAP_DATA', undefined, bpfData())], // prettier-ignore
      ['V_IMAGE_MISSING', 'no contents of a map', false, () => withFile(FdTypes.BPFMAP, bpf())],
      ['V_TIMENS', 'clocks', true, () => withImage(new Map(sets.get('pipes')), 'TIMENS', 0, times(5n))],
      [
        'V_TIMENS',
        'a second too much',
        false,
        () => withImage(new Map(sets.get('pipes')), 'TIMENS', 0, times(1n << 40n)),
      ],
      ['V_TCP_VALUES', 'a scale that no window has', false, () => changed('tcp_est', 'TCP_STREAM', ([one]) => Object.assign(one!, { opt_mask: 4, snd_wscale: 15 }))], // prettier-ignore
      ['V_TCP_VALUES', 'more unsent than queued', false, () => changed('tcp_est', 'TCP_STREAM', ([one]) => (one!.unsq_len = 9))], // prettier-ignore
      ['V_CORE_TIMERS', 'microseconds of more than a second', false, () => changed('pipes', 'CORE', ([core]) => (core!.tc!.timers!.real.vusec = 1_000_000n))], // prettier-ignore
      [
        'V_REMAP',
        'a type that nobody writes',
        false,
        () => changed('ghost', 'REMAP_FPATH', ([one]) => (one!.remap_type = 9)),
      ],
    ];
  for (const [code, what, isSound, files] of cases)
    it(`${code}: ${what}`, () => {
      const { findings } = check(files());
      const others = findings.filter((finding) => finding.code !== 'V_FILE_UNUSED');
      if (isSound) assert.deepEqual(others, []);
      else assert.deepEqual([...new Set(others.map((finding) => finding.code))], [code]);
    });
});

test(
  'with --host, what another processor or security module had is told',
  { skip: process.platform !== 'linux' },
  () => {
    const files = new Map(sets.get('pipes'));
    const cpu = { vendor_id: 0, cpu_family: 6, model: 1, stepping: 1, capability_ver: 2 };
    // no processor has both: xop was AMD's alone until 2017, avx512ifma was Intel's alone
    const capability = Array.from({ length: 19 }, (_, i) => (i === 6 ? 1 << 11 : i === 9 ? 1 << 21 : 0));
    withImage(files, 'CPUINFO', undefined, { message: { x86_entry: [{ ...cpu, capability }] } });
    const found = verify(memoryCheckpoint(files), { host: true }).findings;
    if (process.arch === 'x64')
      assert.match(found.find(({ code }) => code === 'V_HOST_CPU_FLAGS')?.cause ?? '', /lacks /);

    const labelled = new Map([...sets.get('pipes')!]);
    for (const [name, content] of changed(
      'pipes',
      'CORE',
      ([core]) => (core!.thread_core!.creds!.lsm_profile = 'no_such_profile'),
    ))
      labelled.set(name, content);
    for (const [name, content] of changed('pipes', 'INVENTORY', ([one]) => (one!.lsmtype = Lsmtype.SELINUX)))
      if (name.startsWith('inventory')) labelled.set(name, content);
    const told = verify(memoryCheckpoint(labelled), { host: true }).findings;
    const label = told.find(({ code }) => code === 'V_HOST_LSM');
    if (existsSync('/sys/fs/selinux/enforce')) assert.equal(label, undefined);
    else assert.match(label?.cause ?? '', /SELinux, which is not active here/);
  },
);

test('a damaged image is named with entry and field, and nobody else is blamed', () => {
  const files = new Map(sets.get('pipes'));
  const bytes = files.get('files.img') as Uint8Array;
  files.set('files.img', bytes.subarray(0, bytes.length - 3));
  const { findings, sound } = check(files);
  assert.ok(!sound);
  assert.deepEqual(
    findings.map(({ code, image }) => [code, image]),
    [['V_IMAGE_DAMAGED', 'files.img']],
  );
  assert.equal(typeof findings[0]!.entry, 'number');
});

test('pages of a parent set are looked for there, and in its parent', () => {
  const whole = sets.get('pipes')!;
  const child = changed(
    'pipes',
    'PAGEMAP',
    (runs) => {
      for (const run of runs.slice(1)) (run as { flags: number }).flags = 1;
    },
    29869,
  );
  child.set('pages-1.img', 0);
  const codes = (parent: Map<string, Content>) =>
    verify(memoryCheckpoint(child, memoryCheckpoint(parent))).findings.map(({ code }) => code);
  assert.deepEqual(codes(new Map(whole)), []);
  assert.deepEqual(codes(child), ['V_PAGEMAP_PARENT']); // it has them in a parent, too, and has none
  const less = changed('pipes', 'PAGEMAP', (_runs, image) => image.entries.pop(), 29869);
  assert.deepEqual(codes(less), ['V_PAGEMAP_PARENT']);
  less.delete('pagemap-29869.img');
  assert.deepEqual(codes(less), ['V_PAGEMAP_PARENT']);
});

test('a rule tells at most a hundred findings, and how many more there are', () => {
  const files = changed('pipes', 'FDINFO', (_fds, image) => {
    const [first] = image.entries;
    image.entries = Array.from({ length: 1000 }, (_, fd) => ({ message: { ...first!.message, id: 4242, fd } }));
  });
  const { findings, more } = check(files);
  assert.equal(findings.filter(({ code }) => code === 'V_FD').length, 100);
  assert.ok((more['V_FD'] ?? 0) >= 900);
});

test('the options that a set calls for are told', () => {
  const options = (set: string) => check(sets.get(set)!).restore.map(({ name }) => name);
  assert.deepEqual(options('tcp_est'), ['tcp-established']);
  assert.deepEqual(options('ns_mnt'), ['root']);
  assert.deepEqual(options('tree'), []);
  const job = changed('pipes', 'PSTREE', (tasks) => {
    for (const task of tasks) task.sid = 1;
  });
  assert.deepEqual(
    check(job).restore.map(({ name }) => name),
    ['shell-job'],
  );
});

test('every rule has a code of its own, and its row in docs/verify.md', () => {
  const rules = [...RULES, ...hostRules];
  assert.equal(new Set(rules.map(({ code }) => code)).size, rules.length);
  const rows = readFileSync(projectPath('docs/verify.md'), 'utf8').matchAll(/^\| `(V_\w+)` +\| (\w+) +\| (.*?) +\|$/gm);
  assert.deepEqual(
    [...rows].map(([, code, severity, checks]) => [code, severity, checks]),
    rules.map(({ code, severity, checks }) => [code, severity, checks]),
  );
});

test('sets of CRIU that are named by CRIT_SETS are sound', { skip: !process.env['CRIT_SETS'] }, () => {
  const dir = process.env['CRIT_SETS']!;
  for (const { name } of readdirSync(dir, { withFileTypes: true }).filter((entry) => entry.isDirectory()))
    assert.deepEqual(check(readSet(path.join(dir, name))).findings, [], name);
});
