import { CritError } from '../../image/errors.js';
import type { EventpollTfdEntry } from '../../image/generated/messages.js';
import { readImageIfPresent } from '../read-image.js';
import { EPOLL_CTL_ADD, EPOLL_EVENT, EPOLL_EVENT_BYTES } from '../../kernel/epoll.js';
import { FD_CLOEXEC, O_CLOEXEC } from '../../kernel/open-flags.js';
import type { Batch } from '../../task/batch.js';
import type { Table } from './file-images.js';
import type { Files, GroupMaker } from './group.js';
import { place, setFlags } from './place.js';

/**
 * epoll(7). The kernel knows a target by its description and the number it was added under, so targets are added in a
 * table where the numbers are right.
 */
export const epoll: GroupMaker = (files, entries) => {
  const loose = looseTargets(files.images.dir);
  const perTable = new Map<Table, { fd: number; id: number; targets: EventpollTfdEntry[] }[]>();
  for (const { id, epfd } of entries) {
    files.slot(id);
    const targets = [...(epfd!.tfd ?? []), ...(loose.get(id) ?? [])];
    const { table, fd } = holderOf(files, id, targets);
    for (const target of targets) check(files, table, id, target);
    const list = perTable.get(table) ?? [];
    perTable.set(table, list);
    list.push({ fd, id, targets });
  }
  return {
    open: (b) => {
      for (const { id, epfd } of entries) {
        place(b, b.call('epoll_create1', 0), files.slot(id));
        setFlags(b, files.slot(id), epfd!.flags);
      }
    },
    inTable: (table, b) => {
      for (const { fd, id, targets } of perTable.get(table) ?? [])
        for (const target of targets) {
          b.doing(`adding target ${target.tfd} to the epoll of file ${id}`);
          addTarget(files, table, fd, target, b);
        }
      b.doing(undefined);
    },
  };
};

/** Images of older tools have the targets in a file of their own. */
function looseTargets(dir: string): Map<number, EventpollTfdEntry[]> {
  const found = new Map<number, EventpollTfdEntry[]>();
  for (const { message } of readImageIfPresent(dir, 'EVENTPOLL_TFD')?.entries ?? [])
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
  // one that is only in flight is at its slot, in every task
  return files.images.holder(id) ?? { table: files.images.tables[0]!, fd: files.slot(id) };
}

function check(files: Files, table: Table, id: number, target: EventpollTfdEntry): void {
  if (target.target_id === undefined && !files.images.holder(id))
    throw new CritError(
      `files.img: file ${id}: an epoll in the queue of a socket, the images do not tell what it watches: not supported`,
      { code: 'UNSUPPORTED' },
    );
  if (target.target_id === undefined ? table.byFd.has(target.tfd) : files.images.used.has(target.target_id)) return;
  throw new CritError(
    `files.img: file ${id}: its epoll watches descriptor ${target.tfd}, which is in no table of the images`,
    { code: 'BAD_IMAGE' },
  );
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
