import { NAMESPACES } from '../../image/namespaces.js';
import type { TaskKobjIdsEntry } from '../../image/generated/messages.js';
import { tasksOf } from '../tasks.js';
import type { TolerantImages } from '../tolerant-images.js';

/** A namespace that processes of the set are in. */
export interface NamespaceInfo {
  /** As in /proc/PID/ns: pid, net, mnt, ... */
  readonly kind: string;
  readonly id: number;
  /** It was dumped; otherwise it is the one of whoever dumped. */
  readonly isDumped: boolean;
  readonly pids: readonly number[];
  /** What its images tell: host name, id maps, clock offsets, devices. */
  readonly detail: string | undefined;
}

const map = (name: string, extents: readonly { first: number; lower_first: number; count: number }[] | undefined) =>
  (extents ?? []).map(({ first, lower_first, count }) => `${name} ${first}-${first + count - 1} -> ${lower_first}`);

function detail(images: TolerantImages, kind: string, id: number): string | undefined {
  const parts: string[] = [];
  if (kind === 'uts') {
    const uts = images.first('UTSNS', id);
    if (uts) parts.push(`host name ${uts.nodename}`);
    if (uts && uts.domainname !== '' && uts.domainname !== '(none)') parts.push(`domain ${uts.domainname}`);
  }
  if (kind === 'user') {
    const user = images.first('USERNS', id);
    parts.push(...map('uid', user?.uid_map), ...map('gid', user?.gid_map));
  }
  if (kind === 'net') {
    const names = Array.from(images.each('NETDEV', id), ({ name }) => name);
    if (names.length > 0) parts.push(`devices ${names.join(' ')}`);
  }
  if (kind === 'mnt' && images.has('MNTS', id)) {
    let count = 0;
    for (const _ of images.each('MNTS', id)) count++;
    parts.push(`${count} mounts`);
  }
  if (kind === 'ipc') {
    for (const [type, what] of [
      ['IPCNS_SHM', 'shared memory segments'],
      ['IPCNS_MSG', 'message queues'],
      ['IPCNS_SEM', 'semaphore sets'],
    ] as const) {
      let count = 0;
      for (const _ of images.each(type, id)) count++;
      if (count > 0) parts.push(`${count} ${what}`);
    }
  }
  return parts.length > 0 ? parts.join(', ') : undefined;
}

/** What belongs together in a process: descriptor table, memory, namespaces, ... by the set's own numbers. */
export const kobjIds = (images: TolerantImages, pid: number): TaskKobjIdsEntry | undefined =>
  images.first('IDS', pid) ?? images.first('CORE', pid)?.ids;

/** The namespaces of all processes. */
export function namespaces(images: TolerantImages): readonly NamespaceInfo[] {
  const pids = new Map<string, number[]>();
  for (const { pid } of tasksOf(images)) {
    const ids = kobjIds(images, pid);
    for (const [kind, { field }] of Object.entries(NAMESPACES)) {
      const id = ids?.[field];
      if (id === undefined || id === 0) continue;
      const key = `${kind} ${id}`;
      const list = pids.get(key) ?? [];
      list.push(pid);
      pids.set(key, list);
    }
  }
  const own = images.first('INVENTORY')?.root_ids;
  return Array.from(pids, ([key, of]) => {
    const [kind = '', number] = key.split(' ');
    const id = Number(number);
    const { field } = NAMESPACES[kind as keyof typeof NAMESPACES];
    return { kind, id, isDumped: own?.[field] !== id, pids: of, detail: detail(images, kind, id) };
  });
}
