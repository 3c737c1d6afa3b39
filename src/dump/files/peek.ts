import { closeSync } from 'node:fs';
import { pidFdPid, readFdInfo } from '../../kernel/proc/fdinfo.js';
import {
  MSG_CMSG_CLOEXEC,
  MSG_CTRUNC,
  MSG_DONTWAIT,
  MSG_PEEK,
  MSG_TRUNC,
  SCM_INQ,
  SCM_SECURITY,
  SO_TIMESTAMPING,
  SO_TIMESTAMPING_NEW,
} from '../../kernel/uapi/socket.js';
import { TIMESTAMP_OPTIONS } from '../../kernel/uapi/socket-options.js';
import { receiveMessage, type Received, type Sender } from '../../native/message.js';
import type { Description } from './description.js';
import { unsupported } from './unsupported.js';

/** Control messages have the numbers of the options that ask for them. */
const TIMES = [...TIMESTAMP_OPTIONS, SO_TIMESTAMPING, SO_TIMESTAMPING_NEW];
/** MSG_TRUNC: how long the message is, not how much of it there was room for */
const PEEK = MSG_PEEK | MSG_DONTWAIT | MSG_TRUNC | MSG_CMSG_CLOEXEC;

/** A message of a queue; of a stream, bytes that lie together. */
export interface Queued {
  readonly data: Uint8Array;
  /** Ids in files.img of the files that come with it. */
  readonly rights: readonly number[];
  /** The address of the socket that sent it. */
  readonly from?: Uint8Array;
  /** Who sent it, where the kernel tells the receiver. */
  readonly sender?: Sender | undefined;
  /** The one byte is urgent (MSG_OOB); where there is none, it was, and reading still stops there. */
  readonly urgent?: boolean;
}

/** What `Peek.at` found: descriptors are lent, those that are taken over are taken out of the list. */
export type Found = Pick<Received, 'result' | 'from' | 'sender'> & { readonly fds: number[] };

/** Looks into the queue of a socket at any place. */
export class Peek {
  readonly file: Description;
  /** Messages come with how much is left to read (SO_INQ); undefined where none came. */
  tellsRest: boolean | undefined;
  readonly #own: number;
  readonly #seek: (offset: number) => void;

  /** @param own crit's own descriptor of it @param seek sets SO_PEEK_OFF */
  constructor(file: Description, own: number, seek: (offset: number) => void) {
    this.file = file;
    this.#own = own;
    this.#seek = seek;
  }

  at<T>(offset: number, room: Uint8Array, use: (found: Found) => T, broken = false): T {
    this.#seek(offset);
    const got = receiveMessage(this.#own, room, PEEK, broken);
    const fds = [...got.fds];
    try {
      if (got.flags & MSG_CTRUNC)
        throw unsupported(
          this.file,
          'a unix socket with more descriptors in its queue than crit may have (ulimit -n)',
          '',
        );
      const other = got.others.find((type) => type !== SCM_INQ);
      if (other !== undefined) throw unsupported(this.file, `a unix socket with ${controlName(other)} in its queue`);
      if (got.result > 0) this.tellsRest = got.others.length > 0;
      return use({ result: got.result, from: got.from, sender: this.#senderOf(got), fds });
    } finally {
      for (const fd of fds) closeSync(fd);
      if (got.pidfd !== undefined && got.pidfd >= 0) closeSync(got.pidfd);
    }
  }

  /** The number that a pidfd is for, where that alone is told; user and group are those of root then. */
  #senderOf({ sender, pidfd }: Received): Sender | undefined {
    if (sender) return sender.pid > 0 ? sender : undefined;
    if (pidfd === undefined) return undefined;
    const pid = pidfd >= 0 ? pidFdPid(readFdInfo(process.pid, pidfd)) : undefined;
    if (pid !== undefined && pid > 0) return { pid, uid: 0, gid: 0 };
    throw unsupported(this.file, 'a unix socket with a pidfd (SO_PASSPIDFD) of a process that has ended in its queue');
  }
}

/** What else comes with a message, for people. */
function controlName(type: number): string {
  if (type === SCM_SECURITY) return 'security contexts of senders (SO_PASSSEC)';
  if (TIMES.includes(type)) return 'times of messages (SO_TIMESTAMP)';
  return `control data of type ${type}`;
}

/** Hands descriptors over one by one, so that those behind a failure are still in the list. */
export function takeRights(fds: number[], idOf: (fd: number) => number): number[] {
  const ids: number[] = [];
  for (let fd; (fd = fds.shift()) !== undefined;) ids.push(idOf(fd));
  return ids;
}
