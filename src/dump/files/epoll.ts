import { FdTypes, type EventpollTfdEntry } from '../../image/generated/messages.js';
import { epollTargets, type EpollTarget } from '../../kernel/proc/fdinfo.js';
import { KCMP_EPOLL_TFD } from '../../kernel/uapi/kcmp.js';
import { sysRaw } from '../../native/sys.js';
import type { Description } from './description.js';
import type { FileKind } from './kind.js';
import { kernelDevOf } from './file-stat.js';
import type { Files } from './files.js';
import { unsupported } from './unsupported.js';

const slot = new Uint32Array(3);

/**
 * epoll(7). fdinfo tells the number each target was added under; the number may be closed by now or mean another file,
 * so kcmp compares the target itself.
 */
export const epoll: FileKind = {
  type: FdTypes.EVENTPOLL,
  matches: ({ link }) => link === 'anon_inode:[eventpoll]',
  make: (files) => (file) => {
    const tfd: EventpollTfdEntry[] = [];
    files.whenKnown(() => {
      const seen = new Map<number, number>();
      for (const target of epollTargets(file.info)) {
        // of several targets under one number, kcmp counts in the order that fdinfo shows
        const nth = seen.get(target.tfd) ?? 0;
        seen.set(target.tfd, nth + 1);
        tfd.push(describeTarget(file, target, nth, files));
      }
    });
    return { epfd: { id: file.id, flags: file.info.flags, fown: file.owner, tfd } };
  },
};

function describeTarget(file: Description, target: EpollTarget, nth: number, files: Files): EventpollTfdEntry {
  const entry: EventpollTfdEntry = {
    id: 0,
    tfd: target.tfd,
    events: target.events,
    data: target.data,
    dev: target.sdev,
    inode: target.ino,
    pos: target.pos,
  };
  const is = (pid: number, fd: number) => {
    slot[0] = file.at.fd;
    slot[1] = target.tfd;
    slot[2] = nth;
    return sysRaw('kcmp', pid, file.at.pid, KCMP_EPOLL_TFD, fd, slot) === 0;
  };
  const table = files.tableOf(file);
  const usual = table.get(target.tfd);
  if (usual && is(file.task.pid, target.tfd)) {
    entry.target_id = usual.id;
    return entry;
  }
  const alike = (other: Description) => other.stat.ino === target.ino && kernelDevOf(other.stat) === target.sdev;
  for (const [fd, other] of table)
    if (alike(other) && is(file.task.pid, fd)) return { ...entry, tfd: fd, target_id: other.id, added_as: target.tfd };
  for (const other of files.descriptions)
    if (alike(other) && is(other.at.pid, other.at.fd)) return { ...entry, target_id: other.id };
  throw unsupported(
    file,
    `an epoll that watches a file (added as ${target.tfd}) which no descriptor refers to any more`,
  );
}
