import { imageFileName } from '../../image/catalogue.js';
import { targetFault } from '../../image/file-faults.js';
import type { FdinfoEntry } from '../../image/generated/messages.js';
import { lockFault } from '../../image/lock-kinds.js';
import { checkFileId, tablesOf } from './descriptors.js';
import { DUMP_AGAIN, type Rule } from './finding.js';

/** Ids are checked apart. */
const ANY = { has: () => true };

/** Shared memory files, and descriptors that stand for other objects. */
export const watchRules: readonly Rule[] = [
  {
    code: 'V_MEMFD',
    severity: 'error',
    checks: 'an open memfd is told in memfd.img',
    todo: DUMP_AGAIN,
    walk: (set, report) => {
      const image = imageFileName('MEMFD_INODE');
      const known = new Set<number | bigint>();
      for (const [entry, { inode_id, shmid, size, name }] of (set.keep('MEMFD_INODE') ?? []).entries()) {
        if (known.has(Number(inode_id))) report({ image, entry, field: 'inode_id' }, `${inode_id} is there twice`);
        known.add(Number(inode_id));
        if (size > 0n) set.shmids.set(BigInt(shmid), `it is memfd ${JSON.stringify(name)}`);
      }
      for (const { message, image: files, entry, file } of set.of('memfd')) {
        set.mustHave('MEMFD_INODE', undefined, `file ${file.id} is a memfd`);
        if (!set.lost('MEMFD_INODE') && !known.has(message.inode_id))
          report({ image: files, entry, field: 'memfd.inode_id' }, `${image} has no memfd ${message.inode_id}`);
      }
    },
  },
  {
    code: 'V_EPOLL',
    severity: 'error',
    checks: 'what an epoll watches is a descriptor of a table that has the epoll',
    todo: DUMP_AGAIN,
    walk: (set, report) => {
      const tables = [...tablesOf(set)].map(({ entries }) => entries);
      const holders = new Map<number, (readonly FdinfoEntry[])[]>();
      for (const table of tables)
        for (const { id } of table) {
          const list = holders.get(id) ?? [];
          if (list.at(-1) !== table) list.push(table);
          holders.set(id, list);
        }
      const apart = set.keep('EVENTPOLL_TFD') ?? [];
      for (const { message, image, entry, file } of set.of('epfd')) {
        const held = holders.get(file.id) ?? [];
        const targets = [...(message.tfd ?? []), ...apart.filter(({ id }) => id === file.id)];
        const fds = { has: (tfd: number) => held.some((table) => table.some(({ fd }) => fd === tfd)) };
        for (const [i, target] of targets.entries()) {
          const field = `epfd.tfd[${i}]`;
          if (target.target_id !== undefined)
            checkFileId(set, report, { image, entry, field: `${field}.target_id` }, target.target_id);
          const fault = held.length > 0 && targetFault(target, fds, ANY);
          if (fault) report({ image, entry, field: `${field}.tfd` }, fault);
        }
      }
    },
  },
  {
    code: 'V_LOCK',
    severity: 'error',
    checks: 'a file lock is held through a descriptor of a task',
    todo: DUMP_AGAIN,
    walk: (set, report) => {
      const image = imageFileName('FILE_LOCKS');
      const byPid = new Map(set.tasks.map((task) => [task.pid, task]));
      for (const [entry, lock] of (set.keep('FILE_LOCKS') ?? []).entries()) {
        const { pid, fd } = lock;
        const fault = lockFault(lock);
        if (fault !== undefined) report({ image, entry }, fault);
        const task = byPid.get(pid);
        if (!task) report({ image, entry, field: 'pid' }, `there is no task ${pid} in ${imageFileName('PSTREE')}`);
        else if (task.descriptors && !task.descriptors.some((one) => one.fd === fd))
          report({ image, entry, field: 'fd' }, `task ${pid} has no descriptor ${fd}`);
      }
    },
  },
  {
    code: 'V_PIDFD',
    severity: 'error',
    checks: 'a pidfd is of a task of the tree, or of one that has ended',
    todo: DUMP_AGAIN,
    walk: (set, report) => {
      const known = new Set(set.tasks.flatMap(({ pid, entry }) => [pid, ...(entry.threads ?? [])]));
      for (const { message, image, entry } of set.of('pidfd'))
        if (message.nspid > 0 && !known.has(message.nspid))
          report(
            { image, entry, field: 'pidfd.nspid' },
            `there is no task ${message.nspid} in ${imageFileName('PSTREE')}`,
          );
    },
  },
];
