import { Fstype, type MntEntry } from '../../image/generated/messages.js';
import { namesOf } from '../../image/flag-names.js';
import {
  MS_NOATIME,
  MS_NODEV,
  MS_NODIRATIME,
  MS_NOEXEC,
  MS_NOSUID,
  MS_RDONLY,
  MS_RELATIME,
  MS_STRICTATIME,
  MS_UNBINDABLE,
} from '../../kernel/uapi/mount.js';
import type { TolerantImages } from '../tolerant-images.js';

/** A mount of a namespace that was dumped. */
export interface MountEntry {
  /** The id of the mount namespace. */
  readonly namespace: number;
  readonly id: number;
  /** The mount that it lies on. */
  readonly parent: number;
  readonly mountpoint: string;
  /** ext4, tmpfs, ...; undefined when CRIU has no name for it. */
  readonly type: string | undefined;
  readonly source: string;
  /** The directory of the file system that is mounted. */
  readonly root: string;
  /** As mount(8) calls them: ro, nosuid, relatime, shared:1. */
  readonly options: readonly string[];
  /** Of the file system. */
  readonly fsOptions: string;
  /** Whoever restores brings it: its key. */
  readonly external: string | undefined;
}

const NAMES = [
  ['ro', MS_RDONLY],
  ['nosuid', MS_NOSUID],
  ['nodev', MS_NODEV],
  ['noexec', MS_NOEXEC],
  ['noatime', MS_NOATIME],
  ['nodiratime', MS_NODIRATIME],
  ['relatime', MS_RELATIME],
  ['strictatime', MS_STRICTATIME],
  ['unbindable', MS_UNBINDABLE],
] as const;
const KNOWN = NAMES.reduce((mask, [, bit]) => mask | bit, 0);
const TYPES = new Map<number, string>(Object.entries(Fstype).map(([name, type]) => [type, name.toLowerCase()]));

function mount(namespace: number, entry: MntEntry): MountEntry {
  const { flags, fstype, shared_id, master_id } = entry;
  return {
    namespace,
    id: entry.mnt_id,
    parent: entry.parent_mnt_id,
    mountpoint: entry.mountpoint,
    type: fstype === Fstype.UNSUPPORTED ? undefined : fstype === Fstype.AUTO ? entry.fsname : TYPES.get(fstype),
    source: entry.source,
    root: entry.root,
    options: [
      ...namesOf(flags & KNOWN, NAMES),
      ...(shared_id ? [`shared:${shared_id}`] : []),
      ...(master_id ? [`master:${master_id}`] : []),
      ...(entry.deleted ? ['deleted'] : []),
    ],
    fsOptions: entry.options,
    external: entry.ext_key ?? (entry.ext_mount ? entry.root : undefined),
  };
}

/** The mounts of all mount namespaces in a set; a tree in the namespace of whoever dumped has none. */
export function mounts(images: TolerantImages): readonly MountEntry[] {
  const out: MountEntry[] = [];
  for (const { type, id } of images.attempt(() => images.list()) ?? [])
    if (type === 'MNTS' && typeof id === 'number')
      for (const entry of images.each('MNTS', id)) out.push(mount(id, entry));
  return out;
}
