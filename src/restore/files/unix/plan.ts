import { imageFileName } from '../../../image/catalogue.js';
import type { CritErrorCode } from '../../../image/error-codes.js';
import { CritError } from '../../../image/errors.js';
import type { FileOf } from '../../../image/file-kinds.js';
import type { UnixSkEntry } from '../../../image/generated/messages.js';
import { USK_EXTERNAL } from '../../../image/unix-sockets.js';
import {
  SOCK_DGRAM,
  SOCK_SEQPACKET,
  SOCK_STREAM,
  TCP_CLOSE,
  TCP_ESTABLISHED,
  TCP_LISTEN,
} from '../../../kernel/uapi/socket.js';
import type { Files } from '../group.js';
import type { OwnPair } from '../makers.js';
import { checkSocketOptions } from '../socket-options.js';
import { actorOf, holderOf, ROOT, type Actor } from './actor.js';
import { Addresses, type Address } from './address.js';
import { bindName, shown } from './names.js';

/** A socket pair; `b` is undefined where the other end was closed, or `a` has left it. */
export interface Pair {
  readonly a: UnixSkEntry;
  readonly b: UnixSkEntry | undefined;
  readonly slots: readonly [number, number];
  readonly actor: Actor;
  /** `a` is not connected to the other end any more. */
  readonly left: boolean;
  /** Made by who has ended. */
  own: OwnPair | undefined;
}

/** An end of a connection; undefined where it was closed. */
export interface End {
  readonly usk: UnixSkEntry | undefined;
  readonly slot: number;
}

/** A connection that began at a listening socket. */
export interface Connection {
  readonly client: End;
  /** Undefined where it waits to be accepted. */
  readonly accepted: End | undefined;
  readonly at: Address;
}

/** A socket that is connected to another one's name. */
export interface Link {
  readonly usk: UnixSkEntry;
  readonly slot: number;
  readonly to: Address | Uint8Array;
  readonly actor: Actor;
}

const TYPES = [SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET];
const STATES = [TCP_ESTABLISHED, TCP_CLOSE, TCP_LISTEN];

/** What has to be made, bound and connected, as the entries tell. */
export class SocketPlan {
  readonly files: Files;
  readonly entries: readonly FileOf<'usk'>[];
  readonly addresses: Addresses;
  readonly pairs: Pair[] = [];
  /** Made by socket(2). */
  readonly single: UnixSkEntry[] = [];
  readonly connections: Connection[] = [];
  readonly links: Link[] = [];
  readonly #byIno: ReadonlyMap<number, UnixSkEntry>;
  readonly #external: ReadonlyMap<number, UnixSkEntry>;

  constructor(files: Files, entries: readonly FileOf<'usk'>[]) {
    this.files = files;
    this.entries = entries;
    this.addresses = new Addresses(files);
    this.#byIno = new Map(entries.map(({ usk }) => [usk.ino, usk]));
    this.#external = new Map(
      [...files.images.byId.values()].flatMap(({ usk }) => (usk && usk.uflags & USK_EXTERNAL ? [[usk.ino, usk]] : [])),
    );
    for (const { id, usk } of entries) this.#check(id, usk);
    const accepted = this.#pairUp();
    // names of sockets that are bound themselves first: ends that were accepted share them
    for (const { usk } of entries)
      if (usk.name.length > 0 && !accepted.has(usk) && !this.#isOutside(usk)) this.addresses.own(usk);
    this.#connect(accepted);
    this.#link();
  }

  #check(id: number, usk: UnixSkEntry): void {
    const no = (what: string, code: CritErrorCode = 'UNSUPPORTED') => fault(usk, what, code);
    if (usk.id !== id) throw no(`says that it is file ${usk.id}`, 'BAD_IMAGE');
    if (!TYPES.includes(usk.type)) throw no(`is of type ${usk.type}`, 'BAD_IMAGE');
    if (!STATES.includes(usk.state)) throw no(`is in state ${usk.state}`, 'BAD_IMAGE');
    if (usk.uflags) throw no('is one that CRIU gives to its service, to a plugin or has outside: not supported');
    if (usk.state === TCP_LISTEN && (usk.name.length === 0 || usk.type === SOCK_DGRAM))
      throw no('listens without a name', 'BAD_IMAGE');
    checkSocketOptions(`${imageFileName('FILES')}: file ${id}`, usk.opts);
    const external = this.#external.get(usk.peer);
    if (external && !this.files.ctx.options.extUnixSk)
      this.files.ctx.refuse(
        no(`is connected to ${shown(external.name)}, outside of the tree: --ext-unix-sk connects it again`),
      );
    if (!usk.peer || external) return;
    const peer = this.#byIno.get(usk.peer);
    const mutual = peer?.peer === usk.ino && peer.state === TCP_ESTABLISHED;
    const named = usk.type === SOCK_DGRAM ? peer === usk || (peer?.name.length ?? 0) > 0 : peer?.state === TCP_LISTEN;
    if (peer?.type !== usk.type || !(mutual || named) || usk.state !== TCP_ESTABLISHED)
      throw no(`is connected to ${usk.peer}, which is not in the images, or cannot be connected to`);
  }

  /** @returns the ends that were accepted */
  #pairUp(): Set<UnixSkEntry> {
    const accepted = new Set<UnixSkEntry>();
    const listening = new Set<string>();
    for (const { usk } of this.entries) if (usk.state === TCP_LISTEN) listening.add(nameText(usk));
    const done = new Set<UnixSkEntry>();
    for (const { usk } of this.entries) {
      this.files.slot(usk.id);
      if (done.has(usk)) continue;
      done.add(usk);
      const peer = usk.peer === usk.ino ? undefined : this.#byIno.get(usk.peer);
      const other = peer?.peer === usk.ino ? peer : undefined;
      if (usk.type === SOCK_DGRAM ? this.#isPair(usk, other) : this.#isStreamPair(usk, other)) {
        if (other) done.add(other);
        this.#pair(usk, other);
      } else if (usk.type !== SOCK_DGRAM && other) {
        done.add(other);
        // the listening one's name tells which end that is, where both have one
        const end = other.name.length === 0 || (usk.name.length > 0 && listening.has(nameText(usk))) ? usk : other;
        accepted.add(end);
        this.single.push(end === usk ? other : usk);
      } else if (usk.type !== SOCK_DGRAM && usk.state === TCP_ESTABLISHED && !usk.peer && usk.name.length > 0)
        accepted.add(usk);
      else this.single.push(usk);
    }
    return accepted;
  }

  /** A datagram socket that is not connected any more can have been. */
  #isPair(usk: UnixSkEntry, other: UnixSkEntry | undefined): boolean {
    if (other) return !(usk.name.length > 0 && other.name.length > 0) || usk.peer_pid !== undefined;
    if (usk.peer_pid !== undefined) return true;
    if (usk.peer || usk.peer_name?.length) return false;
    if (usk.peer_name) return true;
    return usk.name.length === 0 && (usk.state !== TCP_CLOSE || this.files.images.queues.has(usk.id));
  }

  #isStreamPair(usk: UnixSkEntry, other: UnixSkEntry | undefined): boolean {
    if (usk.state !== TCP_ESTABLISHED) return false;
    if (other) return usk.name.length === 0 && other.name.length === 0;
    return !usk.peer && usk.name.length === 0 && !usk.peer_name?.length;
  }

  #pair(a: UnixSkEntry, b: UnixSkEntry | undefined): void {
    const { files } = this;
    this.pairs.push({
      a,
      b,
      // of a closed end, which is there until the queue is filled
      slots: [files.slot(a.id), b ? files.slot(b.id) : files.reserve()],
      actor: actorOf(files, a),
      left: !b && (a.state === TCP_CLOSE || a.peer !== 0 || (a.peer_name?.length ?? 0) > 0),
      own: undefined,
    });
  }

  #connect(accepted: ReadonlySet<UnixSkEntry>): void {
    const { files, addresses } = this;
    const end = (usk: UnixSkEntry | undefined): End => ({ usk, slot: usk ? files.slot(usk.id) : files.reserve() });
    for (const usk of accepted) {
      const name = usk.peer === 0 && usk.peer_name?.length ? usk.peer_name : undefined;
      const client = name
        ? { usk: undefined, slot: addresses.named(usk.type, name, () => false).slot }
        : end(usk.peer ? this.#byIno.get(usk.peer) : undefined);
      this.connections.push({ client, accepted: end(usk), at: addresses.acceptedFrom(usk) });
    }
    const waiting: UnixSkEntry[] = [];
    for (const usk of this.single) {
      if (usk.type === SOCK_DGRAM || usk.state !== TCP_ESTABLISHED) continue;
      if (this.#byIno.get(usk.peer)?.state === TCP_LISTEN) waiting.push(usk);
      else if (!usk.peer && usk.peer_name?.length) {
        const at = addresses.named(usk.type, usk.peer_name, ({ state }) => state === TCP_LISTEN);
        this.connections.push({ client: end(usk), accepted: end(undefined), at });
      }
    }
    const order = ({ ino, peer }: UnixSkEntry) => {
      const place = this.#byIno.get(peer)?.waiting?.indexOf(ino) ?? -1;
      return place < 0 ? Infinity : place;
    };
    waiting.sort((x, y) => (order(x) < order(y) ? -1 : order(x) > order(y) ? 1 : 0));
    for (const usk of waiting) {
      const at = addresses.all.find((one) => one.usk?.ino === usk.peer)!;
      this.connections.push({ client: end(usk), accepted: undefined, at });
    }
  }

  /** A stream that is connected outside gets no name: that of an accepted end belongs to the listening one. */
  #isOutside({ type, peer }: UnixSkEntry): boolean {
    return type !== SOCK_DGRAM && this.#external.has(peer);
  }

  /** Datagram sockets that know whom they send to, and whatever is connected outside. */
  #link(): void {
    for (const { usk } of this.entries) {
      const external = this.#external.get(usk.peer);
      const link = { usk, slot: this.files.slot(usk.id) };
      if (external) {
        this.links.push({ ...link, to: bindName(external.name), actor: holderOf(this.files, usk.id) });
      } else if (usk.type === SOCK_DGRAM && !this.pairs.some(({ a, b }) => b && (a === usk || b === usk))) {
        const at = usk.peer
          ? this.addresses.all.find((one) => one.usk?.ino === usk.peer)
          : usk.peer_name?.length
            ? this.addresses.named(usk.type, usk.peer_name, () => false)
            : undefined;
        if (at) this.links.push({ ...link, to: at, actor: ROOT });
      }
    }
  }
}

const nameText = ({ name, deleted, file_ino }: UnixSkEntry): string =>
  `${deleted ? (file_ino ?? '') : ''} ${Buffer.from(name).toString('latin1')}`;

function fault({ id, ino }: UnixSkEntry, what: string, code: CritErrorCode): CritError {
  return new CritError(`${imageFileName('FILES')}: file ${id}: unix socket ${ino} ${what}`, { code });
}
