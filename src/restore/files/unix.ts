import { hasEnded } from '../../image/task-state.js';
import type { UnixSkEntry } from '../../image/generated/messages.js';
import { MSG_DONTWAIT, MSG_NOSIGNAL, SHUT_RD, SOCK_DGRAM, TCP_LISTEN } from '../../kernel/uapi/socket.js';
import type { Batch } from '../../task/batch.js';
import { Heir } from '../../task/heir.js';
import type { Acts } from '../part.js';
import { fillQueue } from './fill-queue.js';
import type { FileGroup, Files, GroupMaker } from './group.js';
import { makerOf, puppetIds, type Maker } from './makers.js';
import { setFlags } from './place.js';
import { setSocketOptions } from './socket-options.js';
import { Datagrams } from './unix/datagrams.js';
import { Makes } from './unix/makes.js';
import { shown } from './unix/names.js';
import { SocketPlan } from './unix/plan.js';

/** Permissions of a new socket. */
const FULL_MODE = 0o140777;
const PERMISSIONS = 0o7777;

/** unix(7): sockets of all types, their names, connections and queues. */
export const unix: GroupMaker<'usk'> = (files, entries) => new Sockets(files, new SocketPlan(files, entries)).group();

class Sockets {
  readonly #files: Files;
  readonly #plan: SocketPlan;
  readonly #makes: Makes;
  readonly #datagrams: readonly Datagrams[];
  readonly #inPairs: ReadonlySet<UnixSkEntry>;

  constructor(files: Files, plan: SocketPlan) {
    this.#files = files;
    this.#plan = plan;
    this.#inPairs = new Set(plan.pairs.flatMap(({ a, b }) => (b ? [a, b] : [a])));
    const left = new Set(plan.pairs.flatMap(({ a, left }) => (left ? [a] : [])));
    this.#datagrams = plan.entries.flatMap(({ id, usk }) => {
      const queue = files.images.queues.get(id);
      const named = usk.type === SOCK_DGRAM && usk.name.length > 0 && (left.has(usk) || !this.#inPairs.has(usk));
      return queue && named ? [new Datagrams(plan, usk, queue)] : [];
    });
    this.#makes = new Makes(files, plan);
  }

  group(): FileGroup {
    const files = this.#plan.addresses.all.flatMap(({ file }) => (file ? [file] : []));
    let janitor: Heir | undefined;
    const always: Acts = {
      open: (root) => {
        if (files.length > 0)
          janitor = new Heir(
            'rm -rf -- "$@"',
            files.map((file) => file.ownDirectory),
          );
        acts.open?.(root);
      },
      // before anything of the tree watches the directories
      live: () => {
        for (const file of files) file.settle();
        janitor?.[Symbol.dispose]();
        janitor = undefined;
      },
    };
    // sockets hold each other in their queues: where one must wait for a task, all do
    const late = this.#makes.needsTasks || this.#hasSenders() || this.#hasPidfds();
    const acts = late ? this.#late() : this.#early();
    const ends = [
      ...this.#plan.pairs.flatMap(({ a, b }) => [a, b]),
      ...this.#plan.connections.map(({ accepted }) => accepted?.usk),
    ].flatMap((usk) => (usk ? [usk.id] : []));
    return {
      name: 'unix sockets',
      at: { ...acts, ...always },
      ...(late && { late: ends }),
      planLines: () => this.#planLines(),
      undo: () => {
        for (const file of files) file.undo();
        janitor?.[Symbol.dispose]();
      },
    };
  }

  /** All are made in the root, which every task inherits them from. */
  #early(): Acts {
    return {
      open: ({ b }) => {
        this.#makes.makeForGone();
        this.#makes.create(b);
        this.#makes.connect(b);
      },
      fill: () => {
        this.#fill();
      },
      filled: ({ b }) => {
        this.#finish(b);
      },
    };
  }

  /** Some are made or connected by tasks of the tree, which must be there. */
  #late(): Acts {
    return {
      open: ({ b }) => {
        this.#makes.makeForGone();
        this.#makes.create(b);
      },
      born: ({ b }) => {
        this.#makes.connect(b);
        b.run();
        this.#fill();
        this.#finish(b);
        b.run();
      },
    };
  }

  /** Whether messages were sent by tasks other than the root, which are noted with them. */
  #hasSenders(): boolean {
    const { ctx, images } = this.#files;
    const pids = new Set(
      ctx.tasks.filter((task) => task !== ctx.root && !hasEnded(task.cores[0]?.tc?.task_state)).map(({ pid }) => pid),
    );
    return this.#plan.entries.some(({ id }) =>
      images.queues.get(id)?.some(({ sender }) => sender !== undefined && pids.has(sender.pid)),
    );
  }

  /** Whether pidfds are in flight: these are opened when the tasks are there. */
  #hasPidfds(): boolean {
    const { byId, queues } = this.#files.images;
    return [...queues.values()].some((queue) => queue.some(({ rights }) => rights.some((id) => byId.get(id)?.pidfd)));
  }

  #fill(): void {
    const files = this.#files;
    const { pairs, connections } = this.#plan;
    const named = (usk: UnixSkEntry) => usk.type === SOCK_DGRAM && usk.name.length > 0;
    for (const { a, b, slots, own, left } of pairs) {
      own?.close();
      if (!(left && named(a))) fillQueue(files, files.images.queues.get(a.id), slots[1], a);
      if (b) fillQueue(files, files.images.queues.get(b.id), slots[0], b);
    }
    for (const { client, accepted } of connections) {
      if (!accepted) continue;
      if (client.usk) fillQueue(files, files.images.queues.get(client.usk.id), accepted.slot, client.usk);
      if (accepted.usk) fillQueue(files, files.images.queues.get(accepted.usk.id), client.slot, accepted.usk);
    }
    for (const one of this.#datagrams) one.fill();
  }

  #finish(b: Batch): void {
    const { entries, pairs, connections, addresses } = this.#plan;
    // an unnamed socket that is to tell senders gets a name when it connects: before its options are set
    this.#makes.link(b);
    for (const { usk } of entries) if (usk.state === TCP_LISTEN) this.#setUp(b, usk);
    this.#makes.wait(b);
    for (const { usk } of entries) if (usk.state !== TCP_LISTEN) this.#setUp(b, usk);
    for (const { a, b: other, slots } of pairs) if (!other) this.#closeEnd(b, a, slots);
    for (const { client, accepted } of connections) {
      if (!accepted) continue;
      if (!client.usk) this.#closeEnd(b, accepted.usk, [accepted.slot, client.slot]);
      else if (!accepted.usk) this.#closeEnd(b, client.usk, [client.slot, accepted.slot]);
    }
    for (const one of addresses.all) one.release(b);
    // a stream that is shut down says so to the other end: then the queues are in already
    for (const { id, usk } of entries) {
      using _doing = b.doing(`shutting unix socket ${usk.ino} down`);
      if (usk.shutdown) b.call('shutdown', this.#files.slot(id), usk.shutdown - 1 + SHUT_RD);
    }
  }

  #setUp(b: Batch, usk: UnixSkEntry): void {
    const slot = this.#files.slot(usk.id);
    using _doing = b.doing(`setting the options of unix socket ${usk.ino}`);
    setSocketOptions(b, slot, usk.opts);
    setFlags(b, slot, usk.flags);
    setOwner(b, slot, usk, this.#inPairs.has(usk) ? makerOf(usk) : undefined);
  }

  /** Closes the second one of two ends. */
  #closeEnd(b: Batch, usk: UnixSkEntry | undefined, [slot, closed]: readonly [number, number]): void {
    using _doing = b.doing(`closing the peer of unix socket ${usk?.ino ?? 0}`);
    // what it has not read is an error to the other end (ECONNRESET)
    if (usk?.error) b.call('sendto', slot, new Uint8Array(1), 1, MSG_DONTWAIT | MSG_NOSIGNAL, null, 0);
    b.tryCall('close', closed);
  }

  #planLines(): string[] {
    return this.#plan.addresses.all.flatMap(({ usk, name }) =>
      usk ? [`unix socket ${usk.ino}: bound to ${shown(name)}`] : [],
    );
  }
}

/** Owner and permissions of a socket itself, where the images tell them. @param maker who has made it, if not the root */
function setOwner(b: Batch, slot: number, usk: UnixSkEntry, maker: Maker | undefined): void {
  const made = maker ?? puppetIds();
  const own = usk.peer_pid !== undefined || usk.uid !== undefined || usk.gid !== undefined;
  const [uid, gid] = own ? [usk.uid ?? 0, usk.gid ?? 0] : [made.uid, made.gid];
  if (uid !== made.uid || gid !== made.gid) b.call('fchown', slot, uid, gid);
  if (usk.mode !== undefined && usk.mode !== FULL_MODE) b.call('fchmod', slot, usk.mode & PERMISSIONS);
}
