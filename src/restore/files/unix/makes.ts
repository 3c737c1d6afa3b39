import { closeSync } from 'node:fs';
import { errnoWords } from '../../../kernel/uapi/errno.js';
import { AF_UNIX, AF_UNSPEC, TCP_LISTEN } from '../../../kernel/uapi/socket.js';
import type { Batch } from '../../../task/batch.js';
import type { RestoreTask } from '../../context.js';
import type { Files } from '../group.js';
import { asMaker, callAs, makePair, OwnPair, puppetIds } from '../makers.js';
import { place } from '../place.js';
import { actorOf, holderOf, ROOT, sameActor, type Actor } from './actor.js';
import { Address } from './address.js';
import { address, shown } from './names.js';
import type { Connection, Pair, SocketPlan } from './plan.js';

/** Makes the sockets of a plan, each by the process that the kernel is to note for it. */
export class Makes {
  readonly #files: Files;
  readonly #plan: SocketPlan;
  readonly #listeners: readonly Address[];
  /** Who has called listen(2) for a socket last, and with which backlog. */
  readonly #listening = new Map<Address, { readonly actor: Actor; readonly backlog: number }>();

  constructor(files: Files, plan: SocketPlan) {
    this.#files = files;
    this.#plan = plan;
    const used = new Set(plan.connections.map(({ at }) => at));
    this.#listeners = plan.addresses.all.filter((one) => one.usk?.state === TCP_LISTEN || used.has(one));
  }

  /** Whether tasks of the tree other than its root do some of it: they must be there. */
  get needsTasks(): boolean {
    const { pairs, connections, links } = this.#plan;
    const actors = [
      ...[...pairs, ...links].map(({ actor }) => actor),
      ...this.#listeners.map(({ usk }) => actorOf(this.#files, usk)),
      ...connections.flatMap((one) => [this.#connector(one), actorOf(this.#files, one.client.usk)]),
    ];
    return actors.some(({ task }) => task !== undefined);
  }

  /** Makes the pairs of who has ended: their numbers may be those of tasks later. */
  makeForGone(): void {
    const { root, log } = this.#files.ctx;
    for (const pair of this.#plan.pairs) {
      const { a, actor } = pair;
      if (actor.gone === undefined) continue;
      const made = OwnPair.madeAs(actor.gone, a.type, actor.maker ?? puppetIds());
      if (typeof made !== 'string') pair.own = made;
      else
        log.warn(
          `unix socket ${a.ino}: it was made by process ${actor.gone}, a number that cannot be had (${made}): SO_PEERCRED tells ${root.pid}`,
        );
    }
  }

  /** Adds the operations that make sockets in the root, those that are bound with their names. Runs the batch. */
  create(b: Batch): void {
    const { single, addresses, connections, pairs } = this.#plan;
    const make = (type: number, slot: number) => {
      place(b, b.call('socket', AF_UNIX, type, 0), slot);
    };
    for (const usk of single) make(usk.type, this.#files.slot(usk.id));
    for (const { usk, type, slot } of addresses.all) if (!usk) make(type, slot);
    const named = new Set(addresses.all.map(({ slot }) => slot));
    for (const { client, at } of connections) if (!client.usk && !named.has(client.slot)) make(at.type, client.slot);
    const inPairs = new Set(pairs.flatMap(({ slots }) => slots));
    for (const one of addresses.all) if (!inPairs.has(one.slot)) one.bind(b);
  }

  /** Adds the operations that make pairs, listen and connect; may run the batch. */
  connect(b: Batch): void {
    const { pairs, addresses, connections } = this.#plan;
    for (const { a, slots, actor, own } of pairs) {
      using _doing = b.doing(`making unix socket pair ${a.ino}`);
      if (own) own.placeAt(b, slots);
      else if (!actor.task)
        asMaker(b, actor.maker, () => {
          makePair(b, a.type, slots);
        });
    }
    if (pairs.some(({ actor }) => actor.task)) this.#makeInTasks(b);
    for (const { a, slots, left } of pairs) {
      if (!left) continue;
      using _doing = b.doing(`disconnecting unix socket ${a.ino}`);
      b.call('connect', slots[0], new Uint8Array(Uint16Array.of(AF_UNSPEC).buffer), 2);
    }
    const inPairs = new Set(pairs.flatMap(({ slots }) => slots));
    for (const one of addresses.all) if (inPairs.has(one.slot)) one.bind(b);
    for (const one of this.#listeners) this.#listen(b, one, actorOf(this.#files, one.usk), this.#room(one));
    for (const one of connections) if (one.accepted) this.#begin(b, one);
  }

  #makeInTasks(b: Batch): void {
    const { pairs } = this.#plan;
    b.run();
    for (const pair of pairs) if (pair.actor.task) this.#openIn(pair.actor.task, pair, b);
    b.run();
    for (const { actor, slots } of pairs)
      if (actor.task && !this.#sharesRootsTable(actor.task))
        for (const slot of slots) actor.task.batch().call('close', slot);
    for (const { actor } of pairs) actor.task?.batch().run();
  }

  #sharesRootsTable(task: RestoreTask): boolean {
    const { tableOf } = this.#files.images;
    return tableOf.get(task) === tableOf.get(this.#files.ctx.root);
  }

  /** Has a task make a pair and the root take it. */
  #openIn(task: RestoreTask, { a, slots, actor }: Pair, root: Batch): void {
    const b = task.batch();
    {
      using _doing = b.doing(`making unix socket pair ${a.ino}`);
      asMaker(b, actor.maker, () => {
        makePair(b, a.type, slots);
      });
    }
    b.run();
    if (this.#sharesRootsTable(task)) return;
    using _doing = root.doing(`taking unix socket pair ${a.ino} from task ${task.pid}`);
    const pidfd = root.call('pidfd_open', task.pid, 0);
    for (const slot of slots) place(root, root.call('pidfd_getfd', pidfd, slot, 0), slot);
    root.call('close', pidfd);
  }

  /** Connections that wait take as much of the backlog as there is, or more where it was made smaller. */
  #room(at: Address): number {
    const waiting = this.#plan.connections.filter((one) => one.at === at && !one.accepted).length;
    return Math.max(at.usk?.backlog ?? 1, waiting);
  }

  #listen(b: Batch, at: Address, actor: Actor, backlog: number): void {
    this.#listening.set(at, { actor, backlog });
    const who = `listening at ${shown(at.name)}`;
    this.#perform(
      b,
      actor,
      who,
      (by) => by.call('listen', at.slot, backlog),
      (pid, maker) => {
        return this.#with(at.slot, (fd) => callAs(pid, maker, 'listen', fd, backlog | 0));
      },
    );
  }

  /** Who has connected: noted with the end that was accepted, which nobody can ask as long as it waits. */
  #connector({ client, accepted }: Connection): Actor {
    if (accepted) return actorOf(this.#files, accepted.usk);
    return client.usk ? holderOf(this.#files, client.usk.id) : ROOT;
  }

  /** Connects, and accepts unless that is still to be done. */
  #begin(b: Batch, one: Connection): void {
    const { client, accepted, at } = one;
    const { actor: now, backlog } = this.#listening.get(at)!;
    const wanted = client.usk?.peer_pid ? actorOf(this.#files, client.usk) : now;
    if (!sameActor(now, wanted)) this.#listen(b, at, wanted, backlog);
    this.#connect(b, client.slot, at, this.#connector(one));
    if (!accepted) return;
    using _doing = b.doing(`accepting a connection at ${shown(at.name)}`);
    place(b, b.call('accept4', at.slot, null, null, 0), accepted.slot);
  }

  #connect(b: Batch, slot: number, to: Address | Uint8Array, actor: Actor): void {
    const who = `connecting to ${shown(to instanceof Address ? to.name : to)}`;
    const bytes = to instanceof Address ? to.reached : address(to);
    this.#perform(
      b,
      actor,
      who,
      (by) => by.call('connect', slot, bytes, bytes.length),
      (pid, maker) =>
        this.#with(slot, (fd) => {
          const connect = (target: Uint8Array) => callAs(pid, maker, 'connect', fd, target, target.length);
          return to instanceof Address ? to.reachFrom(this.#files, connect) : connect(bytes);
        }),
    );
  }

  #with(slot: number, work: (fd: number) => number): number {
    const fd = this.#files.take(slot);
    try {
      return work(fd);
    } finally {
      closeSync(fd);
    }
  }

  /** Has an operation done by an actor: by the root in its batch, by a task in its own, or by crit for one who is gone. */
  #perform(
    b: Batch,
    actor: Actor,
    what: string,
    inPuppet: (b: Batch) => unknown,
    inCrit: (pid: number, maker: ReturnType<typeof puppetIds>) => number,
  ): void {
    const { maker, task, gone } = actor;
    let by = b;
    if (task) {
      b.run();
      by = task.batch();
    } else if (gone !== undefined) {
      b.run();
      const r = inCrit(gone, maker ?? puppetIds());
      if (r >= 0) return;
      const { root, log } = this.#files.ctx;
      log.warn(
        `${what}: that was process ${gone}, a number that cannot be had (${errnoWords(-r)}): SO_PEERCRED tells ${root.pid}`,
      );
    }
    using _doing = by.doing(what);
    asMaker(by, maker, () => {
      inPuppet(by);
    });
    if (task) by.run();
  }

  /** Adds the operations that connect datagram sockets, and whatever is connected outside. */
  link(b: Batch): void {
    for (const { slot, to, actor } of this.#plan.links) this.#connect(b, slot, to, actor);
  }

  /** Adds the operations that connect what waits to be accepted. The options of the listening sockets must be set. */
  wait(b: Batch): void {
    for (const one of this.#plan.connections) if (!one.accepted) this.#begin(b, one);
    for (const at of this.#listeners) {
      if (!at.usk) continue;
      const { actor, backlog } = this.#listening.get(at)!;
      const wanted = actorOf(this.#files, at.usk);
      if (backlog !== at.usk.backlog || !sameActor(actor, wanted)) this.#listen(b, at, wanted, at.usk.backlog);
    }
  }
}
