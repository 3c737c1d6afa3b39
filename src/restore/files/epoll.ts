import { imageFileName } from '../../image/catalogue.js';
import { CritError } from '../../image/errors.js';
import { targetFault } from '../../image/file-faults.js';
import type { EventpollTfdEntry, FileEntry } from '../../image/generated/messages.js';
import type { ImageDir } from '../../encode/image-dir.js';
import { EPOLL_CTL_ADD, EPOLL_EVENT, EPOLL_EVENT_BYTES } from '../../kernel/uapi/epoll.js';
import { FD_CLOEXEC, O_CLOEXEC } from '../../kernel/uapi/open-flags.js';
import type { Batch } from '../../task/batch.js';
import type { Table } from './file-images.js';
import { group, type Files, type GroupMaker } from './group.js';
import { place, setFlags } from './place.js';

/**
 * epoll(7). The kernel knows a target by its description and the number it was added under, so targets are added in a
 * table where the numbers are right.
 */
export const epoll: GroupMaker<'epfd'> = (files, entries) => {
  const loose = looseTargets(files.images.dir);
  const perTable = new Map<Table, { fd: number; id: number; targets: EventpollTfdEntry[] }[]>();
  for (const { id, epfd } of entries) {
    files.slot(id);
    const targets = [...(epfd.tfd ?? []), ...(loose.get(id) ?? [])];
    const { table, fd } = holderOf(files, id, targets);
    for (const target of targets) check(files, table, id, target);
    const list = perTable.get(table) ?? [];
    perTable.set(table, list);
    list.push({ fd, id, targets });
  }
  return group('epolls', {
    open: ({ b }) => {
      for (const { id, epfd } of entries) {
        place(b, b.call('epoll_create1', 0), files.slot(id));
        setFlags(b, files.slot(id), epfd.flags);
      }
    },
    numbers: ({ table, b }) => {
      for (const { fd, id, targets } of perTable.get(table) ?? [])
        for (const target of targets) {
          using _doing = b.doing(`adding target ${target.tfd} to the epoll of file ${id}`);
          addTarget(files, table, fd, target, b);
        }
    },
  });
};

/** Images of older tools have the targets in a file of their own. */
function looseTargets(dir: ImageDir): Map<number, EventpollTfdEntry[]> {
  const found = new Map<number, EventpollTfdEntry[]>();
  for (const message of dir.messages('EVENTPOLL_TFD') ?? [])
    found.set(message.id, [...(found.get(message.id) ?? []), message]);
  return found;
}

/** The first table that has the epoll and, where it can be told, all of its targets. */
function holderOf(files: Files, id: number, targets: readonly EventpollTfdEntry[]): { table: Table; fd: number } {
  for (const table of files.images.tables) {
    const entry = table.entries.find((e) => e.id === id);
    if (entry && targets.every((t) => t.target_id !== undefined || table.byFd.has(t.tfd)))
      return { table, fd: entry.fd };
  }
  const holder = files.images.holder(id);
  if (holder) return holder;
  // one that is only in flight is at its slot, in every task
  return { table: tableInFlight(files, id, targets), fd: files.slot(id) };
}

/**
 * The table in which the numbers of an epoll's targets mean the targets: who sent an epoll added them by its own numbers.
 * CRIU's images do not tell who that was; where the tables that fit mean the same files, it need not be known.
 */
function tableInFlight({ images }: Files, id: number, targets: readonly EventpollTfdEntry[]): Table {
  const unknown = targets.filter(({ target_id }) => target_id === undefined);
  const byTarget = (table: Table, { tfd }: EventpollTfdEntry) => table.byFd.get(tfd)?.id ?? -1;
  const meant = (table: Table) => unknown.map((target) => byTarget(table, target));
  const inodes = (table: Table) => unknown.map((target) => sameInode(images.byId.get(byTarget(table, target)), target));
  const fitting = images.tables.filter(
    (table) => unknown.every(({ tfd }) => table.byFd.has(tfd)) && !inodes(table).includes(false),
  );
  // of pipes and sockets it is known
  const sure = fitting.filter((table) => inodes(table).every((same) => same === true));
  const [first, ...others] = sure.length > 0 ? sure : fitting;
  if (!first)
    throw new CritError(
      `${imageFileName('FILES')}: file ${id}: an epoll in the queue of a socket watches descriptor ${unknown.map(({ tfd }) => tfd).join(', ')}, which no table of the images has so`,
      { code: 'UNSUPPORTED' },
    );
  if (others.some((table) => String(meant(table)) !== String(meant(first))))
    throw new CritError(
      `${imageFileName('FILES')}: file ${id}: an epoll in the queue of a socket, the images do not tell whose descriptors it watches: not supported`,
      { code: 'UNSUPPORTED' },
    );
  return first;
}

/** Whether a file is the target, as far as inode numbers tell. */
function sameInode(file: FileEntry | undefined, { inode }: EventpollTfdEntry): boolean | undefined {
  const own = file?.pipe?.pipe_id ?? file?.usk?.ino;
  return own === undefined || inode === undefined ? undefined : (inode & 0xffffffffn) === BigInt(own);
}

function check(files: Files, table: Table, id: number, target: EventpollTfdEntry): void {
  const fault = targetFault(target, table.byFd, files.images.used);
  if (fault !== undefined)
    throw new CritError(`${imageFileName('FILES')}: file ${id}: ${fault}`, { code: 'BAD_IMAGE' });
}

function addTarget(files: Files, table: Table, epoll: number, target: EventpollTfdEntry, b: Batch): void {
  const event = new DataView(new ArrayBuffer(EPOLL_EVENT_BYTES));
  event.setUint32(EPOLL_EVENT.events, target.events, true);
  event.setBigUint64(EPOLL_EVENT.data, target.data, true);
  const bytes = new Uint8Array(event.buffer);
  const number = target.added_as ?? target.tfd;
  const there = table.byFd.get(number);
  if (target.target_id === undefined || there?.id === target.target_id) {
    b.call('epoll_ctl', epoll, EPOLL_CTL_ADD, number, bytes);
    return;
  }
  // the number is closed or another file's by now: it is lent to the target
  b.call('dup3', files.slot(target.target_id), number, 0);
  b.call('epoll_ctl', epoll, EPOLL_CTL_ADD, number, bytes);
  if (there) b.call('dup3', files.slot(there.id), number, there.flags & FD_CLOEXEC ? O_CLOEXEC : 0);
  else b.call('close', number);
}
