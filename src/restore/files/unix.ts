import { imageFileName } from '../../image/catalogue.js';
import type { CritErrorCode } from '../../image/error-codes.js';
import { CritError } from '../../image/errors.js';
import type { FileOf } from '../../image/file-kinds.js';
import type { UnixSkEntry } from '../../image/generated/messages.js';
import { hasEnded } from '../../image/task-state.js';
import {
  AF_UNIX,
  AF_UNSPEC,
  MSG_DONTWAIT,
  MSG_NOSIGNAL,
  SHUT_RD,
  SOCK_DGRAM,
  TCP_CLOSE,
  TCP_ESTABLISHED,
} from '../../kernel/uapi/socket.js';
import type { Batch } from '../../task/batch.js';
import type { RestoreTask } from '../context.js';
import { fillQueue } from './fill-queue.js';
import type { Acts } from '../part.js';
import { group, type FileGroup, type Files, type GroupMaker } from './group.js';
import { makePair, makerOf, OwnPair, puppetIds, type Maker } from './makers.js';
import { place, setFlags } from './place.js';
import { checkSocketOptions, setSocketOptions } from './socket-options.js';

/** Permissions of a new socket. */
const FULL_MODE = 0o140777;
const PERMISSIONS = 0o7777;

/** A socket pair; `b` is undefined where the other end was closed, or `a` has left it. */
interface Pair {
  a: UnixSkEntry;
  b: UnixSkEntry | undefined;
  slots: readonly [number, number];
  maker: Maker | undefined;
  /** The task that made it, where that is not the root. */
  task: RestoreTask | undefined;
  /** Made by who has ended. */
  own: OwnPair | undefined;
}

/** unix(7): socket pairs, and sockets that are neither bound nor connected. */
export const unix: GroupMaker<'usk'> = (files, entries) => {
  const pairs: Pair[] = [];
  const single: UnixSkEntry[] = [];
  const byIno = new Map(entries.map(({ usk }) => [usk.ino, usk]));
  const paired = new Set<number>();
  for (const { id, usk } of entries) {
    check(id, usk, byIno);
    files.slot(id);
    if (paired.has(id)) continue;
    const peer = usk.peer ? byIno.get(usk.peer) : undefined;
    if (!peer && usk.state === TCP_CLOSE && !wasPaired(files, usk)) {
      single.push(usk);
      continue;
    }
    paired.add(id);
    if (peer) paired.add(peer.id);
    pairs.push({
      a: usk,
      b: peer,
      // of a closed end, which is there until the queue is filled
      slots: [files.slot(id), peer ? files.slot(peer.id) : files.reserve()],
      maker: makerOf(usk),
      task: makingTask(files, usk),
      own: undefined,
    });
  }
  const sockets = new Sockets(files, entries, pairs, single);
  // pairs hold each other in their queues: where one must wait for its maker, all do
  return pairs.some(({ task }) => task !== undefined) ? sockets.late() : sockets.early();
};

/** A datagram socket that is not connected any more can have been. */
function wasPaired(files: Files, usk: UnixSkEntry): boolean {
  return usk.type === SOCK_DGRAM && (usk.peer_pid !== undefined || files.images.queues.has(usk.id));
}

/** The task that made a pair, where that is one of the tree other than its root. */
function makingTask({ ctx }: Files, usk: UnixSkEntry): RestoreTask | undefined {
  if (!usk.peer_pid || usk.peer_gone || usk.peer_pid === ctx.root.pid) return undefined;
  const task = ctx.tasks.find((task) => task.pid === usk.peer_pid);
  return hasEnded(task?.cores[0]?.tc?.task_state) ? undefined : task;
}

function check(id: number, usk: UnixSkEntry, byIno: ReadonlyMap<number, UnixSkEntry>): void {
  const no = (what: string, code: CritErrorCode = 'UNSUPPORTED') =>
    new CritError(`${imageFileName('FILES')}: file ${id}: unix socket ${usk.ino} ${what}`, { code });
  if (usk.name.length > 0) throw no('has a name: not supported yet');
  if (usk.state !== TCP_ESTABLISHED && usk.state !== TCP_CLOSE) throw no('listens: not supported yet');
  if (usk.uflags) throw no('is connected to a service or an external socket: not supported yet');
  const peer = usk.peer ? byIno.get(usk.peer) : undefined;
  if (usk.peer && (peer?.peer !== usk.ino || peer.type !== usk.type))
    throw no(`is connected to ${usk.peer}, which is not in the images`);
  if (usk.id !== id) throw no(`says that it is file ${usk.id}`, 'BAD_IMAGE');
  checkSocketOptions(`${imageFileName('FILES')}: file ${id}`, usk.opts);
}

class Sockets {
  readonly #files: Files;
  readonly #entries: readonly FileOf<'usk'>[];
  readonly #pairs: readonly Pair[];
  readonly #single: readonly UnixSkEntry[];

  constructor(files: Files, entries: readonly FileOf<'usk'>[], pairs: readonly Pair[], single: readonly UnixSkEntry[]) {
    this.#files = files;
    this.#entries = entries;
    this.#pairs = pairs;
    this.#single = single;
  }

  /** All are made in the root, which every task inherits them from. */
  early(): FileGroup {
    return group('unix sockets', {
      open: ({ b }) => {
        this.#makeForGone();
        this.#open(b);
      },
      fill: () => {
        this.#fill();
      },
      filled: ({ b }) => {
        this.#finish(b);
      },
    });
  }

  /** Some are made by tasks of the tree, which must be there. */
  late(): FileGroup {
    const at: Acts = {
      open: () => {
        // numbers of who has ended may be those of tasks later
        this.#makeForGone();
      },
      born: ({ b }) => {
        this.#open(b);
        b.run();
        for (const pair of this.#pairs) if (pair.task) this.#openIn(pair.task, pair, b);
        b.run();
        for (const { task, slots } of this.#pairs)
          if (task && !this.#sharesRootsTable(task)) for (const slot of slots) task.batch().call('close', slot);
        for (const { task } of this.#pairs) task?.batch().run();
        this.#fill();
        this.#finish(b);
        b.run();
      },
    };
    return { ...group('unix sockets', at), late: this.#entries.map(({ id }) => id) };
  }

  /** SO_PEERCRED of who is no task of the tree: its number must be free for a moment. */
  #makeForGone(): void {
    for (const pair of this.#pairs) {
      const { a, maker, task } = pair;
      const pid = a.peer_pid;
      const { root, log } = this.#files.ctx;
      if (!maker || !pid || task || (pid === root.pid && !a.peer_gone)) continue;
      const made = OwnPair.madeAs(pid, a.type, maker);
      if (typeof made === 'string')
        log.warn(
          `unix socket ${a.ino}: it was made by process ${pid}, a number that cannot be had (${made}): SO_PEERCRED tells ${root.pid}`,
        );
      else pair.own = made;
    }
  }

  #open(b: Batch): void {
    for (const { a, slots, maker, task, own } of this.#pairs) {
      if (task) continue;
      using _doing = b.doing(`making unix socket pair ${a.ino}`);
      if (own) own.placeAt(b, slots);
      else makePair(b, a.type, maker ?? puppetIds(), slots);
    }
    for (const usk of this.#single) place(b, b.call('socket', AF_UNIX, usk.type, 0), this.#files.slot(usk.id));
    for (const { a, b: other, slots } of this.#pairs) {
      if (other || a.state !== TCP_CLOSE) continue;
      using _doing = b.doing(`disconnecting unix socket ${a.ino}`);
      b.call('connect', slots[0], new Uint8Array(Uint16Array.of(AF_UNSPEC).buffer), 2);
    }
  }

  #sharesRootsTable(task: RestoreTask): boolean {
    const { tableOf } = this.#files.images;
    return tableOf.get(task) === tableOf.get(this.#files.ctx.root);
  }

  /** Has a task make a pair and the root take it. */
  #openIn(task: RestoreTask, { a, slots, maker }: Pair, root: Batch): void {
    const b = task.batch();
    {
      using _doing = b.doing(`making unix socket pair ${a.ino}`);
      makePair(b, a.type, maker ?? puppetIds(), slots);
    }
    b.run();
    if (this.#sharesRootsTable(task)) return;
    using _doing = root.doing(`taking unix socket pair ${a.ino} from task ${task.pid}`);
    const pidfd = root.call('pidfd_open', task.pid, 0);
    for (const slot of slots) place(root, root.call('pidfd_getfd', pidfd, slot, 0), slot);
    root.call('close', pidfd);
  }

  #fill(): void {
    const files = this.#files;
    for (const { a, b, slots, own } of this.#pairs) {
      own?.close();
      fillQueue(files, files.images.queues.get(a.id), slots[1], a);
      if (b) fillQueue(files, files.images.queues.get(b.id), slots[0], b);
    }
  }

  #finish(b: Batch): void {
    for (const { id, usk } of this.#entries) {
      const slot = this.#files.slot(id);
      using _doing = b.doing(`setting the options of unix socket ${usk.ino}`);
      setSocketOptions(b, slot, usk.opts);
      setFlags(b, slot, usk.flags);
      setOwner(b, slot, usk);
    }
    for (const { a, b: other, slots } of this.#pairs) {
      if (other) continue;
      using _doing = b.doing(`closing the peer of unix socket ${a.ino}`);
      // what it has not read is an error to the other end (ECONNRESET)
      if (a.error) b.call('sendto', slots[0], new Uint8Array(1), 1, MSG_DONTWAIT | MSG_NOSIGNAL, null, 0);
      b.call('close', slots[1]);
    }
    // a stream that is shut down says so to the other end: then the queues are in already
    for (const { id, usk } of this.#entries) {
      using _doing = b.doing(`shutting unix socket ${usk.ino} down`);
      if (usk.shutdown) b.call('shutdown', this.#files.slot(id), usk.shutdown - 1 + SHUT_RD);
    }
  }
}

/** Owner and permissions of a socket itself, where the images tell them. */
function setOwner(b: Batch, slot: number, usk: UnixSkEntry): void {
  const made = makerOf(usk) ?? puppetIds();
  const own = usk.peer_pid !== undefined || usk.uid !== undefined || usk.gid !== undefined;
  const [uid, gid] = own ? [usk.uid ?? 0, usk.gid ?? 0] : [made.uid, made.gid];
  if (uid !== made.uid || gid !== made.gid) b.call('fchown', slot, uid, gid);
  if (usk.mode !== undefined && usk.mode !== FULL_MODE) b.call('fchmod', slot, usk.mode & PERMISSIONS);
}
