import { closeSync, readSync, statfsSync } from 'node:fs';
import { FdTypes } from '../../image/generated/messages.js';
import { MQ_ATTR, MQ_ATTR_BYTES, MQUEUE_FILE_BYTES, MQUEUE_MAGIC } from '../../kernel/uapi/mqueue.js';
import { O_CLOEXEC, O_NONBLOCK, O_PATH, O_RDONLY } from '../../kernel/uapi/open-flags.js';
import { S_IALLUGO, S_IFMT, S_IFREG } from '../../kernel/uapi/stat.js';
import { cString, sys, sysRaw } from '../../native/sys.js';
import type { Description } from './description.js';
import { statFd } from './file-stat.js';
import type { FileKind } from './kind.js';
import { unsupported } from './unsupported.js';

/** A queue says in its file who is to be told of a message (ipc/mqueue.c). */
const STATUS_BYTES = 128;

/**
 * mq_open(3). A queue with a name belongs to the machine, as a file does: its messages stay in it, and nobody can look at
 * them without taking them out.
 */
export const mqueue: FileKind = {
  type: FdTypes.MQUEUE,
  matches: isQueue,
  make: (files) => {
    const inside = new Set(files.ctx.tasks.map(({ pid }) => pid));
    return (file) => {
      const { id, info, owner, stat } = file;
      const name = file.link.slice(file.link.lastIndexOf('/') + 1);
      const fd = sysRaw('mq_open', cString(name), O_RDONLY | O_NONBLOCK | O_CLOEXEC, 0, null);
      try {
        const found = fd < 0 ? undefined : statFd(fd);
        if (found?.dev !== stat.dev || found.ino !== stat.ino)
          throw unsupported(
            file,
            "a POSIX message queue whose name is gone, or is another one's in crit's IPC namespace,",
          );
        const notified = notifiedBy(fd);
        if (inside.has(notified))
          throw unsupported(file, `a POSIX message queue that is to notify process ${notified} (mq_notify)`);
        const attr = new Uint8Array(MQ_ATTR_BYTES);
        sys('mq_getsetattr', fd, null, attr);
        const view = new DataView(attr.buffer);
        return {
          mqueue: {
            id,
            flags: info.flags,
            pos: info.pos,
            fown: owner,
            name,
            mode: stat.mode & S_IALLUGO,
            uid: stat.uid,
            gid: stat.gid,
            maxmsg: view.getBigUint64(MQ_ATTR.maxmsg, true),
            msgsize: view.getBigUint64(MQ_ATTR.msgsize, true),
            curmsgs: view.getBigUint64(MQ_ATTR.curmsgs, true),
          },
        };
      } finally {
        if (fd >= 0) closeSync(fd);
      }
    };
  },
};

/** With O_PATH it is a file like any other. */
function isQueue({ stat, at, info }: Description): boolean {
  if (info.flags & O_PATH) return false;
  if ((stat.mode & S_IFMT) !== S_IFREG || Number(stat.sizeBytes) !== MQUEUE_FILE_BYTES) return false;
  try {
    return statfsSync(`/proc/${at.pid}/fd/${at.fd}`).type === MQUEUE_MAGIC;
  } catch {
    return false;
  }
}

/** The process that is to be told of the next message; 0 for none. */
function notifiedBy(fd: number): number {
  const text = Buffer.alloc(STATUS_BYTES);
  const n = readSync(fd, text, 0, STATUS_BYTES, 0);
  return Number(/NOTIFY_PID:(\d+)/.exec(text.toString('latin1', 0, n))?.[1] ?? 0);
}
