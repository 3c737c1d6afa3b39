import { readFileSync, writeFileSync } from 'node:fs';
import { CritError } from '../../image/errors.js';
import type { TunDevice, TunRecord } from '../../image/generated/messages.js';
import * as R from '../../kernel/netlink/rtnetlink.js';
import { errnoWords } from '../../kernel/uapi/errno.js';
import { IFF_SETTABLE, IFF_UP, IFREQ } from '../../kernel/uapi/netdevice.js';
import { AF_INET } from '../../kernel/uapi/socket.js';
import * as T from '../../kernel/uapi/tun.js';
import type { Word } from '../../native/addon.js';
import { sysRaw } from '../../native/sys.js';
import { deviceFeatures, interfaceRequest, requestFeatures } from '../../task/ethtool.js';
import { Rtnetlink } from '../../task/rtnetlink.js';
import {
  addressesOf,
  addressFlags,
  attachedTo,
  indexOf,
  linkOf,
  number32,
  offloadsOf,
  routesOf,
} from '../../task/tun-device.js';

/** The test for an address that another host has, which takes a second; it was made when the address was new. */
const ACCEPT_DAD = 'ipv6/conf/%s/accept_dad';
const ADDRESS_MODE = 'ipv6/conf/%s/addr_gen_mode';
const TRIES = 100;
const PAUSE_MS = 20;
/** linux/rtnetlink.h */
const RTPROT_KERNEL = 2;

/** One descriptor of a device. */
export interface Queue {
  /** crit's own. */
  readonly fd: number;
  readonly detached: boolean;
  readonly sndbuf: number;
}

/** What went wrong with a device. */
export const deviceFault = (name: string, what: string, cause?: unknown): CritError =>
  new CritError(`the network device ${name} ${what}`, { code: 'NETWORK_DEVICE', cause });

/** Sets a device up whose first queues are descriptors of crit's. @throws CritError NETWORK_DEVICE */
export function makeDevice(name: string, device: TunDevice, queues: readonly Queue[]): void {
  const persistent = (device.link.flags & T.IFF_PERSIST) !== 0;
  const first = queues[0]!.fd;
  const set = setter(name);
  if (!persistent) set(first, 'TUNSETIFINDEX', T.TUNSETIFINDEX, Int32Array.of(device.ifindex));
  attach(name, device, queues);
  set(first, 'TUNSETVNETHDRSZ', T.TUNSETVNETHDRSZ, Int32Array.of(device.link.vnethdr));
  if (device.vnet_endian)
    set(first, 'the byte order', device.vnet_endian === 2 ? T.TUNSETVNETBE : T.TUNSETVNETLE, Int32Array.of(1));
  if (offloadsOf(deviceFeatures(name).active) !== (device.offload ?? 0))
    set(first, 'TUNSETOFFLOAD', T.TUNSETOFFLOAD, device.offload ?? 0);
  if (persistent) return;
  if (device.link.owner !== -1) set(first, 'TUNSETOWNER', T.TUNSETOWNER, device.link.owner >>> 0);
  if (device.link.group !== -1) set(first, 'TUNSETGROUP', T.TUNSETGROUP, device.link.group >>> 0);
  try {
    using rt = new Rtnetlink();
    bringUp(rt, name, device, set, first);
  } catch (error) {
    if (error instanceof CritError && error.code === 'NETWORK_DEVICE') throw error;
    throw deviceFault(name, `cannot be set up: ${(error as Error).message}`, error);
  }
}

type Set = (fd: number, what: string, request: number, value: Word) => void;

const setter =
  (name: string): Set =>
  (fd, what, request, value) => {
    const r = sysRaw('ioctl', fd, request, value);
    if (r < 0) throw deviceFault(name, `cannot be set up: ${what}: ${errnoWords(-r)}`);
  };

/** A limit is set for all queues that are switched on: where they differ, one after the other is. */
function attach(name: string, device: TunDevice, queues: readonly Queue[]): void {
  const set = setter(name);
  const request = (flags: number) => {
    const ask = interfaceRequest(name);
    ask.setUint16(IFREQ.flags, flags, true);
    return ask.buffer as ArrayBuffer;
  };
  const mixed = queues.some(({ sndbuf }) => sndbuf !== queues[0]!.sndbuf);
  for (const { fd, detached, sndbuf } of queues) {
    set(fd, 'TUNSETIFF', T.TUNSETIFF, request(device.link.flags & ~T.IFF_PERSIST));
    if (attachedTo(fd)?.name !== name) throw deviceFault(name, 'got another name');
    if (mixed || sndbuf !== T.NO_SNDBUF) set(fd, 'TUNSETSNDBUF', T.TUNSETSNDBUF, Int32Array.of(sndbuf));
    if (mixed || detached) set(fd, 'TUNSETQUEUE', T.TUNSETQUEUE, request(T.IFF_DETACH_QUEUE));
  }
  if (mixed)
    for (const { fd, detached } of queues)
      if (!detached) set(fd, 'TUNSETQUEUE', T.TUNSETQUEUE, request(T.IFF_ATTACH_QUEUE));
}

function bringUp(rt: Rtnetlink, name: string, device: TunDevice, set: Set, first: number): void {
  const fresh = linkOf(rt, name);
  if (!fresh) throw deviceFault(name, 'is gone again');
  const index = indexOf(fresh);
  if (fresh.header.getUint16(R.IFINFOMSG.type, true) !== device.type)
    set(first, 'TUNSETLINK', T.TUNSETLINK, device.type ?? 0);
  const requested = new Set(device.features ?? []);
  const now = deviceFeatures(name).requested;
  const changed = new Set([...requested, ...now].filter((feature) => requested.has(feature) !== now.has(feature)));
  if (changed.size > 0) requestFeatures(name, changed, requested);
  const failed = (what: string, errno: number) => {
    if (errno) throw deviceFault(name, `cannot be set up: ${what}: ${errnoWords(errno)}`);
  };
  failed('its attributes', rt.set(R.RTM.NEWLINK, 0, linkHeader(index, 0, 0), linkAttributes(device)));
  const settings = new Map((device.settings ?? []).map((setting) => [setting.name, setting.value]));
  const acceptDad = settings.get(ACCEPT_DAD);
  if (acceptDad !== undefined) settings.set(ACCEPT_DAD, '0');
  // a secret sets the mode as well
  const mode = settings.get(ADDRESS_MODE);
  if (settings.delete(ADDRESS_MODE)) settings.set(ADDRESS_MODE, mode!);
  for (const [setting, value] of settings) writeSetting(name, setting, value);
  failed('its flags', rt.set(R.RTM.NEWLINK, 0, linkHeader(index, device.flags ?? 0, IFF_SETTABLE)));
  setAddresses(rt, name, index, device.addresses ?? []);
  if (acceptDad !== undefined) writeSetting(name, ACCEPT_DAD, acceptDad);
  const carrier = linkOf(rt, name)?.attributes.get(R.IFLA.carrier)?.getUint8(0) === 1;
  if (carrier !== device.carrier) set(first, 'TUNSETCARRIER', T.TUNSETCARRIER, Int32Array.of(device.carrier ? 1 : 0));
  if ((device.flags ?? 0) & IFF_UP) setRoutes(rt, name, index, device.routes ?? []);
}

function linkHeader(index: number, flags: number, change: number): Uint8Array {
  const view = new DataView(new ArrayBuffer(R.IFINFOMSG_BYTES));
  view.setUint32(R.IFINFOMSG.ifindex, index, true);
  view.setUint32(R.IFINFOMSG.flags, flags, true);
  view.setUint32(R.IFINFOMSG.change, change, true);
  return new Uint8Array(view.buffer);
}

function linkAttributes(device: TunDevice): R.Attribute[] {
  const list: R.Attribute[] = [
    { type: R.IFLA.mtu, value: number32(device.mtu ?? 0) },
    { type: R.IFLA.queueLength, value: number32(device.queue_length ?? 0) },
    { type: R.IFLA.group, value: number32(device.group ?? 0) },
    { type: R.IFLA.linkMode, value: Uint8Array.of(device.link_mode ?? 0) },
  ];
  if (device.address) list.push({ type: R.IFLA.address, value: device.address });
  if (device.broadcast) list.push({ type: R.IFLA.broadcast, value: device.broadcast });
  if (device.alias) list.push({ type: R.IFLA.alias, value: Buffer.from(device.alias) });
  return list;
}

/** Where it is not so already: some cannot be written. */
function writeSetting(name: string, setting: string, value: string): void {
  const file = `/proc/sys/net/${setting.replace('%s', name)}`;
  let now: string | undefined;
  try {
    now = readFileSync(file, 'latin1').trim();
  } catch {
    // one that is not set cannot be read
  }
  if (now === value) return;
  try {
    writeFileSync(file, value, { flag: 'r+' });
  } catch (cause) {
    throw deviceFault(name, `cannot be set up: ${file} cannot be set to ${value}: ${(cause as Error).message}`, cause);
  }
}

/** An address or a route without what changes by itself. */
function keyOf({ header, attributes = [] }: TunRecord, address: boolean): string {
  const bytes = Buffer.from(header);
  if (address) bytes[R.IFADDRMSG.flags] = 0;
  const rest = attributes
    .filter(({ type }) => !address || (type !== R.IFA.cacheInfo && type !== R.IFA.flags))
    .map(({ type, value }) => `${type}=${Buffer.from(value).toString('hex')}`);
  const flags = address ? addressFlags({ header, attributes }) & ~(R.IFA_F.tentative | R.IFA_F.stablePrivacy) : 0;
  return [bytes.toString('hex'), flags, ...rest].join(' ');
}

/** What one list has and the other has not. */
function without(list: readonly TunRecord[], other: readonly TunRecord[], address: boolean): TunRecord[] {
  const keys = new Set(other.map((one) => keyOf(one, address)));
  return list.filter((one) => !keys.has(keyOf(one, address)));
}

/** The kernel has made some by itself when the device went up. */
function setAddresses(rt: Rtnetlink, name: string, index: number, wanted: readonly TunRecord[]): void {
  const change = (type: number, flags: number, { header, attributes }: TunRecord) => {
    const bytes = Uint8Array.from(header);
    new DataView(bytes.buffer).setUint32(R.IFADDRMSG.ifindex, index, true);
    const errno = rt.set(type, flags, bytes, attributes ?? []);
    if (errno) throw deviceFault(name, `cannot be set up: its addresses: ${errnoWords(errno)}`);
  };
  for (const extra of without(addressesOf(rt, index), wanted, true)) change(R.RTM.DELADDR, 0, extra);
  for (const missing of without(wanted, addressesOf(rt, index), true))
    change(R.RTM.NEWADDR, R.NLM_F.create | R.NLM_F.exclusive, missing);
  let now = addressesOf(rt, index);
  const waiting = (one: TunRecord) =>
    one.header[R.IFADDRMSG.family] !== AF_INET && addressFlags(one) & R.IFA_F.tentative;
  waitUntil(() => !(now = addressesOf(rt, index)).some(waiting));
  if (without(wanted, now, true).length > 0 || without(now, wanted, true).length > 0)
    throw deviceFault(name, 'does not get the addresses that it had');
}

/** What the kernel does by itself takes milliseconds. */
function waitUntil(isSo: () => boolean): void {
  const pause = new Int32Array(new SharedArrayBuffer(4));
  for (let tries = 0; tries < TRIES && !isSo(); tries++) Atomics.wait(pause, 0, 0, PAUSE_MS);
}

/** Those of the kernel come with addresses; what is behind a router needs the way there first. */
function setRoutes(rt: Rtnetlink, name: string, index: number, wanted: readonly TunRecord[]): void {
  // the kernel makes those of new addresses of IPv6 a little later
  const kernels = wanted.filter(({ header }) => header[R.RTMSG.protocol] === RTPROT_KERNEL);
  waitUntil(() => without(kernels, routesOf(rt, index).records, false).length === 0);
  for (const { header, attributes = [] } of without(routesOf(rt, index).records, wanted, false))
    rt.set(R.RTM.DELROUTE, 0, header, attributes);
  let missing = without(wanted, routesOf(rt, index).records, false);
  for (let before = Infinity; missing.length > 0 && missing.length < before;) {
    before = missing.length;
    for (const { header, attributes = [] } of missing) {
      const how = header[R.RTMSG.family] === AF_INET ? R.NLM_F.append : R.NLM_F.exclusive;
      rt.set(R.RTM.NEWROUTE, R.NLM_F.create | how, header, attributes);
    }
    missing = without(wanted, routesOf(rt, index).records, false);
  }
  if (missing.length > 0 || without(routesOf(rt, index).records, wanted, false).length > 0)
    throw deviceFault(name, 'does not get the routes that it had');
}
