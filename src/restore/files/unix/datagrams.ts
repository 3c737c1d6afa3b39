import { closeSync } from 'node:fs';
import { AF_UNIX, SIOCUNIXFILE, SOCK_CLOEXEC, SOCK_DGRAM } from '../../../kernel/uapi/socket.js';
import type { UnixSkEntry } from '../../../image/generated/messages.js';
import { sys } from '../../../native/sys.js';
import type { Queued } from '../file-images.js';
import { sendQueued } from '../fill-queue.js';
import type { Files } from '../group.js';
import type { Address } from './address.js';
import { address, bindName, isPath } from './names.js';
import type { SocketPlan } from './plan.js';

/** The queue of a datagram socket with a name: others than a peer may have sent what is in it, each with its own name. */
export class Datagrams {
  readonly #files: Files;
  readonly #usk: UnixSkEntry;
  readonly #messages: readonly (Queued & { readonly by: Address | undefined })[];
  /** Who sends where the images do not tell: as CRIU has it, the first one that is connected. */
  readonly #client: number | undefined;

  constructor(plan: SocketPlan, usk: UnixSkEntry, queue: readonly Queued[]) {
    const { files, addresses, entries } = plan;
    this.#files = files;
    this.#usk = usk;
    this.#messages = queue.map((message) => ({
      ...message,
      by: message.from?.length ? addresses.named(SOCK_DGRAM, message.from, () => true) : undefined,
    }));
    this.#client = entries.find((entry) => entry.usk.peer === usk.ino && entry.id !== usk.id)?.id;
  }

  fill(): void {
    const files = this.#files;
    const receiver = files.take(files.slot(this.#usk.id));
    const path = isPath(this.#usk.name);
    const file = path ? sys('ioctl', receiver, SIOCUNIXFILE) : -1;
    const to = address(path ? Buffer.from(`/proc/self/fd/${file}`) : bindName(this.#usk.name));
    try {
      for (const message of this.#messages) {
        const by =
          message.by?.slot ??
          (message.from === undefined && this.#client !== undefined ? files.slot(this.#client) : -1);
        const fd = by >= 0 ? files.take(by) : sys('socket', AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        try {
          sendQueued(files, fd, message, this.#usk, to);
        } finally {
          closeSync(fd);
        }
      }
    } finally {
      closeSync(receiver);
      if (path) closeSync(file);
    }
  }
}
