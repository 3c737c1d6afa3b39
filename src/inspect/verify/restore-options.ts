import type { CheckedSet } from './checked-set.js';
import { ownNamespaces } from './namespaces.js';
import { externalTerminal } from '../../image/external.js';
import { TtyType } from '../../image/generated/messages.js';
import { USK_EXTERNAL } from '../../image/unix-sockets.js';
import { isConnection } from './sockets.js';

/** An option that a restore of the set needs, and why. */
export interface RestoreOption {
  /** Long name, without dashes. */
  readonly name: string;
  /** Its argument; what only who restores knows is in capitals. */
  readonly value?: string;
  readonly why: string;
}

/** NETLINK_LOCK_METHOD and the like are told by the inventory itself: what is here, nobody else tells the restore. */
const NEEDS: readonly ((set: CheckedSet) => Iterable<RestoreOption>)[] = [
  function* ({ tasks }) {
    const root = tasks.find(({ entry }) => entry.ppid === 0)?.entry;
    if (root && !tasks.some(({ pid }) => pid === root.sid))
      yield { name: 'shell-job', why: `the root task ${root.pid} is in session ${root.sid}, which is not in the set` };
  },
  function* (set) {
    if (set.inventory?.tcp_close) yield { name: 'tcp-close', why: 'it was dumped with --tcp-close' };
    else
      for (const { message, file } of set.of('isk'))
        if (isConnection(message)) {
          yield { name: 'tcp-established', why: `file ${file.id} is an established TCP connection` };
          return;
        }
  },
  function* (set) {
    const external = [...set.of('usk')].find(({ message }) => message.uflags & USK_EXTERNAL);
    if (external) yield { name: 'ext-unix-sk', why: `unix socket ${external.message.ino} is outside of the tree` };
  },
  function* (set) {
    const locks = set.keep('FILE_LOCKS')?.length ?? 0;
    if (locks > 0) yield { name: 'file-locks', why: `there are ${locks} file locks` };
  },
  function* (set) {
    if (set.inventory?.allow_uprobes) yield { name: 'allow-uprobes', why: 'it was dumped with --allow-uprobes' };
  },
  function* (set) {
    for (const { message } of set.of('reg'))
      if (message.ext)
        yield { name: 'inherit-fd', value: `fd[FD]:${message.name}`, why: `file ${message.name} comes from outside` };
  },
  function* (set) {
    for (const info of set.keep('TTY_INFO') ?? [])
      if (info.type === TtyType.EXT_TTY)
        yield { name: 'inherit-fd', value: `fd[FD]:${externalTerminal(info)}`, why: 'a terminal comes from outside' };
  },
  function* (set) {
    for (const ns of ownNamespaces(set).get('mnt') ?? [])
      for (const { ext_key, mountpoint } of set.keep('MNTS', ns) ?? [])
        if (ext_key !== undefined)
          yield { name: 'external', value: `mnt[${ext_key}]:PATH`, why: `${mountpoint} comes from outside` };
    for (const ns of ownNamespaces(set).get('net') ?? []) {
      const key = set.keep('NETNS', ns)?.[0]?.ext_key;
      if (key !== undefined)
        yield { name: 'inherit-fd', value: `fd[FD]:${key}`, why: 'the network namespace comes from outside' };
    }
  },
  function* (set) {
    if (ownNamespaces(set).has('mnt'))
      yield { name: 'root', value: 'PATH', why: 'the tree has a mount namespace of its own' };
  },
  function* ({ inventory }) {
    for (const plugin of inventory?.plugins_entry?.plugins ?? [])
      yield { name: 'libdir', value: 'DIR', why: `it was dumped with the plugin ${plugin}` };
  },
];

/** Options that a restore of the set needs, as far as its images tell. */
export const restoreOptions = (set: CheckedSet): RestoreOption[] =>
  NEEDS.flatMap((need) => [...need(set)].slice(0, 100));
