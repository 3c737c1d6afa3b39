import { closeSync } from 'node:fs';
import { imageFileName } from '../../image/catalogue.js';
import { CritError } from '../../image/errors.js';
import type { BpfmapFileEntry } from '../../image/generated/messages.js';
import * as BPF from '../../kernel/uapi/bpf.js';
import { errnoWords } from '../../kernel/uapi/errno.js';
import { O_ACCMODE, O_RDONLY, O_WRONLY } from '../../kernel/uapi/open-flags.js';
import { addon } from '../../native/addon.js';
import { sysRaw } from '../../native/sys.js';
import type { Batch } from '../../task/batch.js';
import { group, type Files, type GroupMaker } from './group.js';
import { place, setFlags } from './place.js';

/** Elements that are written at once. */
const AT_ONCE = 4096;

/** One map, however many descriptions refer to it. */
interface WantedMap {
  readonly entry: BpfmapFileEntry;
  /** Where the descriptor waits that the map is filled by. */
  readonly base: number;
  readonly ids: { readonly id: number; readonly flags: number }[];
}

interface Contents {
  readonly count: number;
  readonly keys: Uint8Array;
  readonly values: Uint8Array;
}

/** bpf(2) maps: made anew, filled, frozen. Ids are the kernel's to give. */
export const bpfMap: GroupMaker<'bpf'> = (files, entries) => {
  const maps = new Map<number, WantedMap>();
  for (const { id, bpf } of entries) {
    if (!BPF.PLAIN_MAPS.includes(bpf.map_type) || bpf.ifindex !== 0)
      throw new CritError(
        `${imageFileName('FILES')}: file ${id}: a BPF map of the type ${BPF.BPF_MAP_TYPES[bpf.map_type - 1] ?? bpf.map_type}, device ${bpf.ifindex}: not supported`,
        { code: 'UNSUPPORTED' },
      );
    files.slot(id);
    let map = maps.get(bpf.map_id);
    if (!map) maps.set(bpf.map_id, (map = { entry: bpf, base: files.reserve(), ids: [] }));
    map.ids.push({ id, flags: bpf.flags });
  }
  const contents = readContents(files, maps);
  return group('BPF maps', {
    open: ({ b }) => {
      for (const map of maps.values()) open(b, files, map);
    },
    fill: () => {
      for (const [id, { entry, base }] of maps) {
        const fd = files.take(base);
        try {
          fill(fd, entry, contents.get(id));
          if (entry.frozen) command(BPF.BPF_MAP_FREEZE, entry, (view) => view.setUint32(0, fd, true));
        } finally {
          closeSync(fd);
        }
      }
    },
  });
};

function readContents(files: Files, maps: ReadonlyMap<number, WantedMap>): Map<number, Contents> {
  const contents = new Map<number, Contents>();
  const name = imageFileName('BPFMAP_DATA');
  files.images.dir.readIfPresent('BPFMAP_DATA')?.entries.forEach(({ message, extra }, i) => {
    const { map_id, keys_bytes, values_bytes, count } = message;
    const map = maps.get(map_id)?.entry;
    if (!map || contents.has(map_id)) return; // CRIU tells it once for each descriptor
    const bytes = extra ?? new Uint8Array(0);
    const fits = keys_bytes === count * map.key_size && values_bytes === count * map.value_size;
    if (!fits || bytes.length !== keys_bytes + values_bytes || count > map.max_entries)
      throw new CritError(`${name}: entries[${i}]: these are not the elements of map ${map_id}`, { code: 'BAD_IMAGE' });
    contents.set(map_id, { count, keys: bytes.subarray(0, keys_bytes), values: bytes.subarray(keys_bytes) });
  });
  return contents;
}

function open(b: Batch, files: Files, { entry, base, ids }: WantedMap): void {
  using _doing = b.doing(`making the BPF map ${entry.map_id} (${entry.map_name})`);
  const name = Buffer.from(entry.map_name, 'latin1').subarray(0, BPF.NAME_BYTES - 1);
  const access = BPF.BPF_F_RDONLY | BPF.BPF_F_WRONLY;
  const ask = attr((view, bytes) => {
    view.setUint32(BPF.MAP_CREATE.type, entry.map_type, true);
    view.setUint32(BPF.MAP_CREATE.keySize, entry.key_size, true);
    view.setUint32(BPF.MAP_CREATE.valueSize, entry.value_size, true);
    view.setUint32(BPF.MAP_CREATE.maxEntries, entry.max_entries, true);
    view.setUint32(BPF.MAP_CREATE.flags, (entry.map_flags & ~access) >>> 0, true);
    view.setBigUint64(BPF.MAP_CREATE.extra, entry.map_extra ?? 0n, true);
    bytes.set(name, BPF.MAP_CREATE.name);
  });
  place(b, b.call('bpf', BPF.BPF_MAP_CREATE, ask, BPF.ATTR_BYTES), base);
  for (const { id, flags } of ids) {
    const slot = files.slot(id);
    const mode = flags & O_ACCMODE;
    const openFlags = mode === O_RDONLY ? BPF.BPF_F_RDONLY : mode === O_WRONLY ? BPF.BPF_F_WRONLY : 0;
    b.reserve(6, BPF.MAP_INFO_BYTES + 3 * BPF.ATTR_BYTES);
    const info = b.out(BPF.MAP_INFO_BYTES);
    const askInfo = attr((view) => {
      view.setUint32(BPF.INFO_BY_FD.fd, base, true);
      view.setUint32(BPF.INFO_BY_FD.infoBytes, BPF.MAP_INFO_BYTES, true);
      view.setBigUint64(BPF.INFO_BY_FD.info, BigInt(info.address), true);
    });
    b.call('bpf', BPF.BPF_OBJ_GET_INFO_BY_FD, b.bytes(askInfo), BPF.ATTR_BYTES);
    const byId = b.bytes(attr((view) => view.setUint32(BPF.BY_ID.openFlags, openFlags, true)));
    b.call('copy', byId, info.address + BPF.MAP_INFO.id, 4);
    place(b, b.call('bpf', BPF.BPF_MAP_GET_FD_BY_ID, byId, BPF.ATTR_BYTES), slot);
    setFlags(b, slot, flags);
  }
}

function fill(fd: number, entry: BpfmapFileEntry, contents: Contents | undefined): void {
  if (!contents) return;
  const { count, keys, values } = contents;
  for (let at = 0; at < count; at += AT_ONCE) {
    const n = Math.min(AT_ONCE, count - at);
    const someKeys = keys.slice(at * entry.key_size, (at + n) * entry.key_size);
    const someValues = values.slice(at * entry.value_size, (at + n) * entry.value_size);
    command(BPF.BPF_MAP_UPDATE_BATCH, entry, (view) => {
      view.setBigUint64(BPF.BATCH.keys, addon().addressOf(someKeys), true);
      view.setBigUint64(BPF.BATCH.values, addon().addressOf(someValues), true);
      view.setUint32(BPF.BATCH.count, n, true);
      view.setUint32(BPF.BATCH.fd, fd, true);
    });
  }
}

function command(number: number, { map_id, map_name }: BpfmapFileEntry, set: (view: DataView) => void): void {
  const ask = attr(set);
  const r = sysRaw('bpf', number, ask, ask.length);
  if (r < 0)
    throw new CritError(`the BPF map ${map_id} (${map_name}) cannot be filled: ${errnoWords(-r)}`, { code: 'BPF_MAP' });
}

function attr(set: (view: DataView, bytes: Uint8Array) => void): Uint8Array {
  const bytes = new Uint8Array(BPF.ATTR_BYTES);
  set(new DataView(bytes.buffer), bytes);
  return bytes;
}
