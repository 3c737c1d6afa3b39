import { closeSync } from 'node:fs';
import { imageFileName } from '../../image/catalogue.js';
import { CritError } from '../../image/errors.js';
import type { FileOf } from '../../image/file-kinds.js';
import { PIDFD_THREAD } from '../../kernel/uapi/clone.js';
import { SIGCONT, SIGKILL, SIGTTOU } from '../../kernel/uapi/signal.js';
import { __WALL } from '../../kernel/uapi/wait.js';
import { addon } from '../../native/addon.js';
import { sys, SysError } from '../../native/sys.js';
import type { Batch } from '../../task/batch.js';
import type { Files, GroupMaker } from './group.js';
import { place, setFlags } from './place.js';

type PidFd = FileOf<'pidfd'>;

/** What the images tell of a process that was waited for. */
const GONE = -1;

/**
 * pidfd_open(2). Those of the tree's processes and threads are opened when all of these are there. For those of one that is
 * gone a process of crit's ends in the same way; it had its number for a moment before the tree.
 */
export const pidfd: GroupMaker<'pidfd'> = (files, entries) => {
  const live = entries.filter(({ pidfd: { nspid } }) => nspid !== GONE);
  const gone = byProcess(entries.filter(({ pidfd: { nspid } }) => nspid === GONE));
  for (const entry of live) checkLive(files, entry);
  for (const same of gone.values()) statusOf(same);
  for (const { id } of entries) files.slot(id);
  return {
    name: 'pidfds',
    late: live.map(({ id }) => id),
    at: {
      open: ({ b }) => {
        for (const same of gone.values()) openGone(files, same, b);
      },
      born: ({ b }) => {
        for (const {
          id,
          pidfd: { nspid, flags },
        } of live) {
          using _doing = b.doing(`opening file ${id}, a pidfd of ${nspid}`);
          place(b, b.call('pidfd_open', nspid, flags & PIDFD_THREAD), files.slot(id));
          setFlags(b, files.slot(id), flags);
        }
      },
    },
  };
};

/** Those of one process have one inode. */
function byProcess(entries: readonly PidFd[]): Map<number, PidFd[]> {
  const found = new Map<number, PidFd[]>();
  for (const entry of entries) found.set(entry.pidfd.ino, [...(found.get(entry.pidfd.ino) ?? []), entry]);
  return found;
}

const bad = (id: number, what: string) =>
  new CritError(`${imageFileName('FILES')}: file ${id}: pidfd.${what}`, { code: 'BAD_IMAGE' });

/** Nobody else's process may be had by an image. */
function checkLive({ ctx }: Files, { id, pidfd: { nspid, flags } }: PidFd): void {
  const found = ctx.tasks.some(({ pid, tids }) => pid === nspid || (flags & PIDFD_THREAD && tids.includes(nspid)));
  if (!found) throw bad(id, `nspid: there is no ${flags & PIDFD_THREAD ? 'task' : 'process'} ${nspid} in the images`);
}

/** How they ended; CRIU does not tell, and kills. @throws CritError BAD_IMAGE */
function statusOf(same: readonly PidFd[]): number {
  const status = same[0]!.pidfd.exit_status ?? SIGKILL;
  for (const { id, pidfd } of same)
    if ((pidfd.exit_status ?? SIGKILL) !== status)
      throw bad(id, `exit_status: that of file ${same[0]!.id}, which has the same inode, differs`);
  const signal = status & 0x7f;
  // a stop would be no end
  if (status > 0xffff || (signal >= SIGCONT && signal <= SIGTTOU))
    throw bad(same[0]!.id, `exit_status: 0x${status.toString(16)} is none`);
  return status;
}

function openGone(files: Files, same: readonly PidFd[], b: Batch): void {
  const fds: number[] = [];
  try {
    const pid = addon().endAs(statusOf(same));
    if (pid < 0) throw new SysError('clone', -pid, 'of a process that ends at once');
    try {
      for (const { pidfd } of same) fds.push(sys('pidfd_open', pid, pidfd.flags & PIDFD_THREAD));
    } finally {
      sys('wait4', pid, null, __WALL, null);
    }
    const crit = b.call('pidfd_open', process.pid, 0);
    for (const [i, { id, pidfd }] of same.entries()) {
      place(b, b.call('pidfd_getfd', crit, fds[i]!, 0), files.slot(id));
      setFlags(b, files.slot(id), pidfd.flags);
    }
    b.call('close', crit);
    b.run();
  } finally {
    for (const fd of fds) closeSync(fd);
  }
}
