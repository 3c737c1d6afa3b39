import { FdTypes } from '../../image/generated/messages.js';
import { epoll } from './epoll.js';
import { eventfd } from './eventfd.js';
import { fifo } from './fifo.js';
import type { GroupMaker } from './group.js';
import { pipe } from './pipe.js';
import { regular } from './regular.js';
import { signalfd } from './signalfd.js';
import { timerfd } from './timerfd.js';
import { tty } from './tty.js';
import { unix } from './unix.js';

/** Every kind of file that can be restored, by its type in the images; memfds besides, which mappings are made of too. */
export const KINDS: ReadonlyMap<number, GroupMaker> = new Map<number, GroupMaker>([
  [FdTypes.REG, regular],
  [FdTypes.PIPE, pipe],
  [FdTypes.FIFO, fifo],
  [FdTypes.UNIXSK, unix],
  [FdTypes.EVENTFD, eventfd],
  [FdTypes.EVENTPOLL, epoll],
  [FdTypes.TIMERFD, timerfd],
  [FdTypes.SIGNALFD, signalfd],
  [FdTypes.TTY, tty],
]);
