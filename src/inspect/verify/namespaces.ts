import { imageFileName, type EntryImageType, type ImageType } from '../../image/catalogue.js';
import { Fstype } from '../../image/generated/messages.js';
import { NAMESPACES } from '../../image/namespaces.js';
import type { CheckedSet } from './checked-set.js';
import { DUMP_AGAIN, type Rule } from './finding.js';

type Kind = keyof typeof NAMESPACES;
const KINDS = Object.keys(NAMESPACES) as Kind[];

/** Images that a namespace of a kind has, each with an entry but for that of segments. */
const IMAGES: Readonly<Record<Kind, readonly EntryImageType[]>> = {
  pid: [],
  net: ['NETNS'],
  ipc: ['IPC_VAR', 'IPCNS_SHM'],
  uts: ['UTSNS'],
  time: ['TIMENS'],
  mnt: ['MNTS'],
  user: ['USERNS'],
  cgroup: [],
};
/** Images of a network namespace that does not come from outside. */
const NETWORK: readonly ImageType[] = ['NETDEV', 'IFADDR', 'ROUTE', 'ROUTE6', 'RULE'];

/** Namespaces of the tree that are not those of the dumping tool: their numbers, by kind. */
export function ownNamespaces(set: CheckedSet): Map<Kind, Set<number>> {
  const own = new Map<Kind, Set<number>>();
  const root = set.rootIds;
  for (const { ids } of set.tasks)
    for (const kind of KINDS) {
      const { field } = NAMESPACES[kind];
      const id = ids?.[field];
      if (id === undefined || root?.[field] === undefined || id === root[field]) continue;
      own.set(kind, (own.get(kind) ?? new Set()).add(id));
    }
  return own;
}

/** Numbers of namespaces that anything may refer to. */
function knownIds(set: CheckedSet, kind: Kind): Set<number> {
  const { field } = NAMESPACES[kind];
  const ids = [set.rootIds, ...set.tasks.map((task) => task.ids)].map((one) => one?.[field]);
  return new Set(ids.filter((id) => id !== undefined));
}

/** Namespaces, mounts and control groups. */
export const namespaceRules: readonly Rule[] = [
  {
    code: 'V_NS',
    severity: 'error',
    checks: 'a namespace that is not that of the dumping tool has its images',
    todo: DUMP_AGAIN,
    walk: (set) => {
      if (set.inventory?.ns_per_id === false) return;
      for (const [kind, ids] of ownNamespaces(set))
        for (const id of ids) {
          const why = `tasks are in the ${NAMESPACES[kind].name} namespace ${id}`;
          for (const type of IMAGES[kind])
            if (type === 'IPCNS_SHM') set.mustHave(type, id, why);
            else set.need(type, id, why);
          const external = kind === 'net' && set.keep('NETNS', id)?.[0]?.ext_key !== undefined;
          if (kind === 'net' && !external) for (const type of NETWORK) set.mustHave(type, id, why);
        }
    },
  },
  {
    code: 'V_NS_FILE',
    severity: 'error',
    checks: 'a socket or a descriptor of a namespace has the number of one that a task is in',
    todo: DUMP_AGAIN,
    walk: (set, report) => {
      const net = knownIds(set, 'net');
      if (net.size === 0) return;
      for (const field of ['isk', 'usk', 'psk', 'nlsk', 'tunf'] as const)
        for (const { message, image, entry } of set.of(field))
          if (message.ns_id !== undefined && message.ns_id !== 0 && !net.has(message.ns_id))
            if (!set.sizes.has(imageFileName('NETNS', message.ns_id)))
              report({ image, entry, field: `${field}.ns_id` }, `no task is in network namespace ${message.ns_id}`);
    },
  },
  {
    code: 'V_USERNS_MAP',
    severity: 'error',
    checks: 'a user namespace has users and groups, in ranges that do not overlap',
    todo: DUMP_AGAIN,
    walk: (set, report) => {
      for (const id of ownNamespaces(set).get('user') ?? [])
        for (const field of ['uid_map', 'gid_map'] as const) {
          const image = imageFileName('USERNS', id);
          const entry = set.keep('USERNS', id)?.[0];
          const extents = [...(entry?.[field] ?? [])].sort((a, b) => a.first - b.first);
          if (entry && extents.length === 0) report({ image, entry: 0, field }, 'is empty');
          for (let i = 1; i < extents.length; i++)
            if (extents[i - 1]!.first + extents[i - 1]!.count > extents[i]!.first)
              report({ image, entry: 0, field }, `two ranges have id ${extents[i]!.first}`);
        }
    },
  },
  {
    code: 'V_IPC_SHM',
    severity: 'error',
    checks: 'a System V segment that is mapped is told in the IPC namespace, and its pages are there',
    todo: DUMP_AGAIN,
    walk: (set) => {
      for (const id of ownNamespaces(set).get('ipc') ?? [])
        for (const { desc, in_pagemaps } of set.keep('IPCNS_SHM', id) ?? [])
          if (in_pagemaps) set.shmids.set(BigInt(desc.id), `it is segment ${desc.id} of IPC namespace ${id}`);
    },
  },
  {
    code: 'V_MOUNT',
    severity: 'error',
    checks: 'mounts are numbered, and all but one of a namespace are on another one of it',
    todo: DUMP_AGAIN,
    walk: (set, report) => {
      for (const ns of ownNamespaces(set).get('mnt') ?? []) {
        const image = imageFileName('MNTS', ns);
        const mounts = set.keep('MNTS', ns) ?? [];
        const ids = new Set<number>();
        for (const [entry, { mnt_id }] of mounts.entries()) {
          if (ids.has(mnt_id)) report({ image, entry, field: 'mnt_id' }, `mount ${mnt_id} is there twice`);
          ids.add(mnt_id);
        }
        const roots = mounts.flatMap(({ parent_mnt_id, mnt_id }, entry) =>
          ids.has(parent_mnt_id) && parent_mnt_id !== mnt_id ? [] : [entry],
        );
        for (const entry of roots.slice(1))
          report(
            { image, entry, field: 'parent_mnt_id' },
            `${mounts[entry]!.mountpoint} is on mount ${mounts[entry]!.parent_mnt_id}, which is not there`,
          );
      }
    },
  },
  {
    code: 'V_MOUNT_CONTENT',
    severity: 'error',
    checks: 'a tmpfs has the archive of what was in it',
    todo: DUMP_AGAIN,
    walk: (set) => {
      for (const ns of ownNamespaces(set).get('mnt') ?? [])
        for (const { fstype, root_dev, root, ext_key, ext_mount, mountpoint, mnt_id } of set.keep('MNTS', ns) ?? [])
          if (fstype === Fstype.TMPFS && root === '/' && ext_key === undefined && !ext_mount)
            if (!set.sizes.has(imageFileName('TMPFS_IMG', mnt_id)))
              set.mustHave('TMPFS_DEV', root_dev, `a tmpfs is on ${mountpoint}`);
    },
  },
  {
    code: 'V_FILE_MOUNT',
    severity: 'error',
    checks: 'an open file is on a mount of the set, where mounts are in the set',
    todo: DUMP_AGAIN,
    walk: (set, report) => {
      const own = ownNamespaces(set).get('mnt');
      if (!own || [...own].some((ns) => !set.keep('MNTS', ns))) return;
      if (set.tasks.some(({ ids }) => ids?.mnt_ns_id === set.rootIds?.mnt_ns_id)) return;
      const ids = new Set([...own].flatMap((ns) => (set.keep('MNTS', ns) ?? []).map(({ mnt_id }) => mnt_id)));
      for (const { message, image, entry } of set.of('reg'))
        if (message.mnt_id !== undefined && message.mnt_id !== -1 && !ids.has(message.mnt_id) && !message.ext)
          report({ image, entry, field: 'reg.mnt_id' }, `no mount has the number ${message.mnt_id}`);
    },
  },
  {
    code: 'V_CGROUP',
    severity: 'error',
    checks: 'each set of control groups is there once, in hierarchies that are told',
    todo: DUMP_AGAIN,
    walk: (set, report) => {
      if (set.inventory?.root_cg_set === 0)
        report({ image: imageFileName('INVENTORY'), entry: 0, field: 'root_cg_set' }, '0 is no set of control groups');
      const image = imageFileName('CGROUP');
      const cgroups = set.keep('CGROUP')?.[0];
      if (!cgroups) return;
      const seen = new Set<number>();
      const known = (cgroups.controllers ?? []).map(({ cnames }) => (cnames ?? []).join(','));
      for (const [i, { id, ctls }] of (cgroups.sets ?? []).entries()) {
        if (seen.has(id)) report({ image, entry: 0, field: `sets[${i}].id` }, `${id} is there twice`);
        seen.add(id);
        for (const [k, { name }] of (ctls ?? []).entries())
          if (id !== set.inventory?.root_cg_set && known.length > 0 && !known.includes(name))
            report(
              { image, entry: 0, field: `sets[${i}].ctls[${k}].name` },
              `there is no hierarchy ${JSON.stringify(name)}`,
            );
      }
    },
  },
];
