import { fileField, type FileField, type FileOf } from '../../image/file-kinds.js';
import { bpfMap } from './bpf-map.js';
import { mqueue } from './mqueue.js';
import { epoll } from './epoll.js';
import { eventfd } from './eventfd.js';
import { fanotify } from './fanotify.js';
import { fifo } from './fifo.js';
import type { FileGroup, Files, GroupMaker } from './group.js';
import { inet } from './inet.js';
import { inotify } from './inotify.js';
import { ioUring } from './io-uring.js';
import { namespace } from './namespace.js';
import { packet } from './packet.js';
import { pidfd } from './pidfd.js';
import { netlink } from './netlink.js';
import { pipe } from './pipe.js';
import { regular } from './regular.js';
import { signalfd } from './signalfd.js';
import { timerfd } from './timerfd.js';
import { tty } from './tty.js';
import { tun } from './tun.js';
import { unix } from './unix.js';

/** Every kind of file that can be restored, by its field of file_entry; memfds besides, which mappings are made of too. */
const KINDS: { readonly [F in FileField]?: GroupMaker<F> } = {
  bpf: bpfMap,
  mqueue,
  reg: regular,
  pipe,
  fifo,
  isk: inet,
  usk: unix,
  efd: eventfd,
  epfd: epoll,
  ify: inotify,
  nlsk: netlink,
  psk: packet,
  tfd: timerfd,
  sgfd: signalfd,
  tty,
  tunf: tun,
  pidfd,
  ffy: fanotify,
  nsf: namespace,
  io_uring: ioUring,
};

/** All files of a type that descriptors or messages refer to; undefined where such files cannot be restored. */
export function groupOf(files: Files, type: number): FileGroup | undefined {
  const field = fileField(type);
  return (
    field &&
    make(
      files,
      field,
      files.images
        .usedOf(field)
        .filter((entry) => entry.reg?.ext || entry.tty || files.inherited.of(entry.id) === undefined),
    )
  );
}

function make<F extends FileField>(files: Files, field: F, entries: readonly FileOf<F>[]): FileGroup | undefined {
  return KINDS[field]?.(files, entries);
}
