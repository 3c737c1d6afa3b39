import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { test } from 'node:test';
import { readWhole } from '../../src/decode/image-reader.js';
import { encodeImage, type Image } from '../../src/index.js';
import { typeOfFileName, type ImageType } from '../../src/image/catalogue.js';
import { verify } from '../../src/inspect/verify/verify.js';
import { fixture } from '../project-path.js';
import { memoryCheckpoint, readSet, type Content } from './memory-set.js';

const ROUNDS = Number(process.env['CRIT_MUTATIONS'] ?? 300);
const SEED = Number(process.env['CRIT_SEED'] ?? 12);
const MOST_MS = 5000;

/** mulberry32 */
function random(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 2 ** 32) * below);
  };
}

/** A set restores without these, or nothing in it tells that they were there: queues may be empty. */
const MAY_LACK: readonly (ImageType | undefined)[] = [
  'STATS',
  'TIMENS',
  'SECCOMP',
  'PIPES_DATA',
  'FIFO_DATA',
  'SK_QUEUES',
  'TTY_DATA',
  'FILE_LOCKS',
  'CGROUP',
  'CPUINFO',
  'IPTABLES',
  'IP6TABLES',
  'NFTABLES',
  'IPCNS_SEM',
  'IPCNS_MSG',
  'NETNF_CT',
  'NETNF_EXP',
  'IRMAP_CACHE',
  undefined,
];
/** Text, or bytes that may end anywhere. */
const MAY_END: readonly (ImageType | undefined)[] = [...MAY_LACK, 'GHOST_FILE', 'IFADDR', 'ROUTE', 'ROUTE6', 'RULE'];

/** Fields that are ids of something else in the set, by image. A value that nothing has must be named. */
const IDS: Readonly<Partial<Record<ImageType, readonly string[]>>> = {
  PSTREE: ['pid', 'ppid'],
  FDINFO: ['id', 'type'],
  FILES: ['id', 'type'],
  FS: ['cwd_id', 'root_id'],
  IDS: ['net_ns_id', 'mnt_ns_id', 'uts_ns_id', 'ipc_ns_id', 'user_ns_id'],
  MM: ['exe_file_id'],
  PAGEMAP: ['pages_id'],
  SHMEM_PAGEMAP: ['pages_id'],
  PIPES_DATA: ['pipe_id'],
  FIFO_DATA: ['pipe_id'],
  REMAP_FPATH: ['orig_id', 'remap_id'],
  MEMFD_INODE: ['inode_id', 'shmid'],
  SK_QUEUES: ['id_for'],
  TTY_INFO: ['id'],
  MNTS: ['parent_mnt_id'],
};
const NOBODY = 123_457;

type Mutation = { what: string; files: Map<string, Content>; mustTell: boolean };

/** Of CRIU's tables nothing tells how many descriptors they had; files may be in other tables, too. */
function decodes(content: Content): boolean {
  try {
    return typeof content !== 'number' && readWhole(content).entries.length > 0;
  } catch {
    return false;
  }
}

function mutate(files: ReadonlyMap<string, Content>, pick: (below: number) => number): Mutation {
  const out = new Map(files);
  const names = [...files.keys()];
  const name = names[pick(names.length)]!;
  const type = typeOfFileName(name)?.type;
  const content = files.get(name)!;
  const size = typeof content === 'number' ? content : content.length;
  switch (pick(4)) {
    case 0:
      out.delete(name);
      return { what: `${name} removed`, files: out, mustTell: !MAY_LACK.includes(type) };
    case 1: {
      const at = pick(size);
      out.set(name, typeof content === 'number' ? at : content.subarray(0, at));
      return {
        what: `${name} cut off after ${at} of ${size}`,
        files: out,
        mustTell: size > 0 && !MAY_END.includes(type) && !(type === 'FDINFO' && decodes(out.get(name)!)),
      };
    }
    case 2: {
      if (typeof content === 'number' || size === 0) return { what: 'nothing', files: out, mustTell: false };
      const bytes = Uint8Array.from(content);
      const at = Array.from({ length: 1 + pick(4) }, () => pick(size));
      for (const i of at) bytes[i]! ^= 1 << pick(8);
      out.set(name, bytes);
      return { what: `${name}: bits flipped in bytes ${at.join(', ')}`, files: out, mustTell: false };
    }
    default: {
      const fields = type && IDS[type];
      if (!fields || typeof content === 'number') return { what: 'nothing', files: out, mustTell: false };
      const image = readWhole(content, { type }) as Image;
      const entries = image.entries as { message: Record<string, unknown> }[];
      const field = fields[pick(fields.length)]!;
      const entry = type === 'PAGEMAP' || type === 'SHMEM_PAGEMAP' ? 0 : pick(entries.length);
      const message = entries[entry]?.message;
      if (message?.[field] === undefined) return { what: 'nothing', files: out, mustTell: false };
      // the root of a tree or of the mounts, and what is 0 for nobody, may be another one
      // a memfd without a byte has no shared memory that could be lost
      const isEmpty = field === 'shmid' && Number(message['size']) === 0;
      const mustTell = !isEmpty && !(type === 'MNTS' && message['mountpoint'] === '/');
      message[field] = typeof message[field] === 'bigint' ? BigInt(NOBODY) : NOBODY;
      out.set(name, encodeImage(image));
      return { what: `${name}: entries[${entry}].${field} is ${NOBODY}`, files: out, mustTell };
    }
  }
}

test(`verify of ${ROUNDS} damaged sets names the damage, throws nothing and takes no time (CRIT_MUTATIONS)`, () => {
  const pick = random(SEED);
  const sets = readdirSync(fixture()).map((name) => [name, readSet(fixture(name))] as const);
  let told = 0;
  const untold: string[] = [];
  for (let i = 0; i < ROUNDS; i++) {
    const [set, files] = sets[pick(sets.length)]!;
    const mutation = mutate(files, pick);
    const where = `${set}: ${mutation.what} (round ${i} of seed ${SEED})`;
    const start = performance.now();
    let findings;
    try {
      ({ findings } = verify(memoryCheckpoint(mutation.files)));
    } catch (error) {
      assert.fail(`${where}: ${(error as Error).stack}`);
    }
    assert.ok(performance.now() - start < MOST_MS, where);
    if (findings.length > 0) told++;
    else if (mutation.mustTell) untold.push(where);
  }
  assert.deepEqual(untold, []);
  assert.ok(told > ROUNDS / 3, `${told} of ${ROUNDS}`);
});
