import { closeSync, fchmodSync, fchownSync, fstatSync } from 'node:fs';
import { imageFileName } from '../../image/catalogue.js';
import { CritError } from '../../image/errors.js';
import type { MqueueFileEntry } from '../../image/generated/messages.js';
import { ERRNO, errnoWords } from '../../kernel/uapi/errno.js';
import { MQ_ATTR, MQ_ATTR_BYTES } from '../../kernel/uapi/mqueue.js';
import {
  O_ACCMODE,
  O_CLOEXEC,
  O_CREAT,
  O_EXCL,
  O_NONBLOCK,
  O_RDONLY,
  O_RDWR,
  SEEK_SET,
} from '../../kernel/uapi/open-flags.js';
import { S_IALLUGO } from '../../kernel/uapi/stat.js';
import { cString, sys, sysRaw } from '../../native/sys.js';
import type { GroupMaker } from './group.js';
import { place, setFlags } from './place.js';

/** linux/limits.h */
const NAME_MAX = 255;

/** mq_open(3): queues belong to the machine. One that is gone is made anew if it held nothing. */
export const mqueue: GroupMaker<'mqueue'> = (files, entries) => {
  const gone = new Map<string, MqueueFileEntry>();
  const made: string[] = [];
  for (const { id, mqueue: entry } of entries) {
    files.slot(id);
    if (!entry.name || /[/\0]/.test(entry.name) || Buffer.byteLength(entry.name) > NAME_MAX)
      throw new CritError(
        `${imageFileName('FILES')}: file ${id}: ${JSON.stringify(entry.name)} is no name of a queue`,
        {
          code: 'BAD_IMAGE',
        },
      );
    const fault = faultOf(entry);
    if (fault === 'gone') gone.set(entry.name, entry);
    else if (fault !== undefined) files.ctx.refuse(failed(entry, fault));
  }
  return {
    name: 'POSIX message queues',
    at: {
      outside: () => {
        for (const entry of gone.values()) make(entry, made);
      },
      open: ({ b }) => {
        for (const { id, mqueue: entry } of entries) {
          const slot = files.slot(id);
          using _doing = b.doing(`opening the message queue /${entry.name}`);
          place(b, b.call('mq_open', entry.name, entry.flags & (O_ACCMODE | O_NONBLOCK), 0, null), slot);
          setFlags(b, slot, entry.flags);
          if (entry.pos) b.call('lseek', slot, entry.pos, SEEK_SET);
        }
      },
    },
    planLines: () => [...gone.keys()].map((name) => `message queue /${name}: is made`),
    undo: () => {
      for (const name of made.splice(0)) sysRaw('mq_unlink', cString(name));
    },
  };
};

const failed = ({ name }: MqueueFileEntry, why: string) =>
  new CritError(`the POSIX message queue /${name} ${why}`, { code: 'MESSAGE_QUEUE' });

/** Why the queue that has the name is not the one of the dump; "gone" where it held nothing and is not there. */
function faultOf(entry: MqueueFileEntry): string | undefined {
  const fd = sysRaw('mq_open', cString(entry.name), O_RDONLY | O_NONBLOCK | O_CLOEXEC, 0, null);
  if (fd === -ERRNO.ENOENT)
    return entry.curmsgs === 0n
      ? 'gone'
      : `is gone, and its ${entry.curmsgs} messages with it: put it back and restore again`;
  if (fd < 0) return `cannot be opened: ${errnoWords(-fd)}`;
  try {
    const { uid, gid, mode } = fstatSync(fd);
    const attr = new Uint8Array(MQ_ATTR_BYTES);
    sys('mq_getsetattr', fd, null, attr);
    const view = new DataView(attr.buffer);
    const same =
      uid === entry.uid &&
      gid === entry.gid &&
      (mode & S_IALLUGO) === entry.mode &&
      view.getBigUint64(MQ_ATTR.maxmsg, true) === entry.maxmsg &&
      view.getBigUint64(MQ_ATTR.msgsize, true) === entry.msgsize;
    return same
      ? undefined
      : 'is another one than that of the dump (owner, permissions or sizes): remove it if it is not needed';
  } finally {
    closeSync(fd);
  }
}

function make(entry: MqueueFileEntry, made: string[]): void {
  const attr = new BigInt64Array(MQ_ATTR_BYTES / 8);
  attr[MQ_ATTR.maxmsg / 8] = entry.maxmsg;
  attr[MQ_ATTR.msgsize / 8] = entry.msgsize;
  const flags = O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC;
  const fd = sysRaw('mq_open', cString(entry.name), flags, 0o600, attr);
  if (fd < 0) throw failed(entry, `cannot be made: ${errnoWords(-fd)}`);
  made.push(entry.name);
  try {
    fchownSync(fd, entry.uid, entry.gid);
    fchmodSync(fd, entry.mode & S_IALLUGO);
  } finally {
    closeSync(fd);
  }
}
