import { closeSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { FdTypes, type BpfmapFileEntry } from '../../image/generated/messages.js';
import { fdInfoValue, parseFdInfo } from '../../kernel/proc/fdinfo.js';
import { readMountInfo } from '../../kernel/proc/mountinfo.js';
import * as BPF from '../../kernel/uapi/bpf.js';
import { ERRNO } from '../../kernel/uapi/errno.js';
import { addon } from '../../native/addon.js';
import { cString, sys, SysError, sysRaw } from '../../native/sys.js';
import type { Description } from './description.js';
import type { FileKind } from './kind.js';
import { unsupported } from './unsupported.js';

const CARRIED_FLAGS =
  BPF.BPF_F_NO_PREALLOC | BPF.BPF_F_ZERO_SEED | BPF.BPF_F_RDONLY_PROG | BPF.BPF_F_WRONLY_PROG | BPF.BPF_F_MMAPABLE;
/** Contents that are held until they are written. */
const MOST_BYTES = 512 << 20;
/** Elements that are asked for at once. */
const AT_ONCE = 4096;
const MOST_PROGRAM_MAPS = 1024;
const MOST_PINS = 4096;

/** bpf(2) maps whose elements are all that they are, and which only descriptors of processes hold. */
export const bpfMap: FileKind = {
  type: FdTypes.BPFMAP,
  matches: ({ link }) => link === 'anon_inode:bpf-map',
  make: (files) => {
    const seen = new Set<number>();
    let others: Map<number, string> | undefined;
    return (file) => {
      const entry = files.use(file, (fd) => entryOf(file, fd));
      others ??= otherHolders();
      const holder = others.get(entry.map_id);
      if (holder !== undefined) throw unsupported(file, `a BPF map that ${holder}`);
      if (!seen.has(entry.map_id)) {
        seen.add(entry.map_id);
        files.finally(() => {
          const { keys, values, count } = contentsOf(entry);
          files.put('BPFMAP_DATA', {
            message: { map_id: entry.map_id, keys_bytes: keys.length, values_bytes: values.length, count },
            extra: Buffer.concat([keys, values]),
          });
        });
      }
      return { bpf: entry };
    };
  },
};

function attr(set: (view: DataView) => void): Uint8Array {
  const view = new DataView(new ArrayBuffer(BPF.ATTR_BYTES));
  set(view);
  return new Uint8Array(view.buffer);
}

/** BPF_OBJ_GET_INFO_BY_FD. @param info is filled in */
function askInfo(fd: number, info: Uint8Array): DataView {
  const ask = attr((view) => {
    view.setUint32(BPF.INFO_BY_FD.fd, fd, true);
    view.setUint32(BPF.INFO_BY_FD.infoBytes, info.length, true);
    view.setBigUint64(BPF.INFO_BY_FD.info, addon().addressOf(info), true);
  });
  sys('bpf', BPF.BPF_OBJ_GET_INFO_BY_FD, ask, ask.length);
  return new DataView(info.buffer);
}

function entryOf(file: Description, fd: number): BpfmapFileEntry {
  const info = askInfo(fd, new Uint8Array(BPF.MAP_INFO_BYTES));
  const word = (at: number) => info.getUint32(at, true);
  const { MAP_INFO } = BPF;
  const type = word(MAP_INFO.type);
  const refuse = (what: string) => unsupported(file, what);
  if (!BPF.PLAIN_MAPS.includes(type)) throw refuse(`a BPF map of the type ${BPF.BPF_MAP_TYPES[type - 1] ?? type}`);
  const flags = word(MAP_INFO.flags);
  if (flags & ~CARRIED_FLAGS) throw refuse(`a BPF map with the flags 0x${(flags & ~CARRIED_FLAGS).toString(16)}`);
  if (word(MAP_INFO.btf) || word(MAP_INFO.vmlinuxType)) throw refuse('a BPF map with types of its own (BTF)');
  if (word(MAP_INFO.ifindex)) throw refuse('a BPF map of a network device');
  const key_size = word(MAP_INFO.keySize);
  const value_size = word(MAP_INFO.valueSize);
  const max_entries = word(MAP_INFO.maxEntries);
  if (max_entries * (key_size + value_size) > MOST_BYTES) throw refuse('a BPF map with room for more than 512 MiB');
  const name = new Uint8Array(info.buffer, MAP_INFO.name, BPF.NAME_BYTES);
  return {
    id: file.id,
    flags: file.info.flags,
    pos: file.info.pos,
    fown: file.owner,
    map_type: type,
    key_size,
    value_size,
    map_id: word(MAP_INFO.id),
    max_entries,
    map_flags: flags,
    memlock: BigInt(fdInfoValue(file.info, 'memlock') ?? 0),
    frozen: fdInfoValue(file.info, 'frozen') === '1',
    map_name: Buffer.from(name.subarray(0, name.indexOf(0))).toString('latin1'),
    ifindex: 0,
    ...(info.getBigUint64(MAP_INFO.extra, true) && { map_extra: info.getBigUint64(MAP_INFO.extra, true) }),
  };
}

/** crit's own descriptor: that of a process may be write-only. */
function byId(command: number, id: number): number {
  const ask = attr((view) => {
    view.setUint32(BPF.BY_ID.id, id, true);
  });
  return sysRaw('bpf', command, ask, ask.length);
}

/** All elements of a map. Nothing writes to it: its processes stand, and no program uses it. */
function contentsOf({ map_id, key_size, value_size, max_entries }: BpfmapFileEntry) {
  const fd = byId(BPF.BPF_MAP_GET_FD_BY_ID, map_id);
  if (fd < 0) throw new SysError('bpf', -fd, `of map ${map_id}`);
  const keys: Buffer[] = [];
  const values: Buffer[] = [];
  let count = 0;
  try {
    let room = Math.min(AT_ONCE, max_entries);
    let place: Uint8Array | undefined;
    for (let more = true; more && count < max_entries;) {
      const someKeys = Buffer.alloc(room * key_size);
      const someValues = Buffer.alloc(room * value_size);
      const next = new Uint8Array(Math.max(key_size, 8));
      const from = place;
      const ask = attr((view) => {
        const pointer = (at: number, to: Uint8Array) => {
          view.setBigUint64(at, addon().addressOf(to), true);
        };
        if (from) pointer(BPF.BATCH.inBatch, from);
        pointer(BPF.BATCH.outBatch, next);
        pointer(BPF.BATCH.keys, someKeys);
        pointer(BPF.BATCH.values, someValues);
        view.setUint32(BPF.BATCH.count, room, true);
        view.setUint32(BPF.BATCH.fd, fd, true);
      });
      const r = sysRaw('bpf', BPF.BPF_MAP_LOOKUP_BATCH, ask, ask.length);
      if (r === -ERRNO.ENOSPC && room < max_entries) {
        room = Math.min(2 * room, max_entries); // a bucket has more than fit
        continue;
      }
      if (r < 0 && r !== -ERRNO.ENOENT) throw new SysError('bpf', -r, `reading map ${map_id}`);
      const got = Math.min(new DataView(ask.buffer).getUint32(BPF.BATCH.count, true), room);
      keys.push(someKeys.subarray(0, got * key_size));
      values.push(someValues.subarray(0, got * value_size));
      count += got;
      place = next;
      more = r === 0;
    }
  } finally {
    closeSync(fd);
  }
  return { keys: Buffer.concat(keys), values: Buffer.concat(values), count };
}

/** What else holds maps of this machine: programs, and names in file systems of BPF. */
function otherHolders(): Map<number, string> {
  const holders = new Map<number, string>();
  for (let id = 0; (id = nextProgram(id)) > 0;)
    for (const map of mapsOfProgram(id)) holders.set(map, `the BPF program ${id} uses`);
  let pins = 0;
  for (const { fsType, mountPoint } of readMountInfo(process.pid))
    if (fsType === 'bpf')
      for (const name of readdirSync(mountPoint, { recursive: true, encoding: 'utf8' })) {
        if (++pins > MOST_PINS) break;
        const at = path.join(mountPoint, name);
        const map = mapAt(at);
        if (map !== undefined) holders.set(map, `is pinned (${at})`);
      }
  return holders;
}

function nextProgram(id: number): number {
  const ask = attr((view) => {
    view.setUint32(BPF.BY_ID.id, id, true);
  });
  const r = sysRaw('bpf', BPF.BPF_PROG_GET_NEXT_ID, ask, ask.length);
  if (r < 0 && r !== -ERRNO.ENOENT) throw new SysError('bpf', -r, 'looking for the programs that use a map');
  return r < 0 ? 0 : new DataView(ask.buffer).getUint32(BPF.BY_ID.nextId, true);
}

function mapsOfProgram(id: number): Uint32Array {
  const fd = byId(BPF.BPF_PROG_GET_FD_BY_ID, id);
  if (fd < 0) return new Uint32Array(); // it is gone
  try {
    const maps = new Uint32Array(MOST_PROGRAM_MAPS);
    const info = new Uint8Array(BPF.PROG_INFO_BYTES);
    const view = new DataView(info.buffer);
    view.setUint32(BPF.PROG_INFO.nrMaps, maps.length, true);
    view.setBigUint64(BPF.PROG_INFO.maps, addon().addressOf(maps), true);
    return maps.subarray(0, askInfo(fd, info).getUint32(BPF.PROG_INFO.nrMaps, true));
  } finally {
    closeSync(fd);
  }
}

function mapAt(pin: string): number | undefined {
  const name = cString(pin);
  const ask = attr((view) => {
    view.setBigUint64(0, addon().addressOf(name), true);
  });
  const fd = sysRaw('bpf', BPF.BPF_OBJ_GET, ask, ask.length);
  if (fd < 0) return undefined; // a directory, or something else
  try {
    const id = fdInfoValue(parseFdInfo(readFileSync(`/proc/self/fdinfo/${fd}`, 'latin1')), 'map_id');
    return id === undefined ? undefined : Number(id);
  } finally {
    closeSync(fd);
  }
}
