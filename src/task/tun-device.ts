import { readdirSync, readFileSync } from 'node:fs';
import type { TunDevice, TunRecord } from '../image/generated/messages.js';
import * as R from '../kernel/netlink/rtnetlink.js';
import { IFF_SETTABLE, IFREQ } from '../kernel/uapi/netdevice.js';
import { AF_INET, AF_INET6 } from '../kernel/uapi/socket.js';
import * as T from '../kernel/uapi/tun.js';
import { sys, sysRaw } from '../native/sys.js';
import { coalescedFrames, deviceFeatures, interfaceRequest } from './ethtool.js';
import type { Rtnetlink } from './rtnetlink.js';

/** Directories of settings below /proc/sys/net, %s is the device. */
export const SETTINGS = ['ipv4/conf/%s', 'ipv4/neigh/%s', 'ipv6/conf/%s', 'ipv6/neigh/%s'] as const;
/** They count, or follow from others. */
const NOT_SET = new Set(['ipv6/conf/%s/mtu']);
/** What a device has that nobody has set otherwise. */
const USUAL = [
  [R.IFLA.gsoMaxSize, 65536],
  [R.IFLA.gsoMaxSegments, 65535],
  [R.IFLA.groMaxSize, 65536],
  [R.IFLA.gsoMaxSize4, 65536],
  [R.IFLA.groMaxSize4, 65536],
] as const;
/** NUD_PERMANENT, NTF_PROXY */
const PERMANENT = 0x80;
const PROXY = 8;

/** Attributes of routes that a restore sets again; of the rest some follow, others are refused. */
export const ROUTE_ATTRIBUTES: ReadonlySet<number> = new Set([1, 2, 4, 5, 6, 7, 8, 11, 15, 18, 20]);
export const ADDRESS_ATTRIBUTES: ReadonlySet<number> = new Set<number>(Object.values(R.IFA));
/** RTNH_F_ONLINK, RTNH_F_PERVASIVE */
const KEPT_ROUTE_FLAGS = 0x4 | 0x2;

/** Name and IFF_* of the device that a descriptor of /dev/net/tun is attached to; undefined for none. */
export function attachedTo(fd: number): { name: string; flags: number } | undefined {
  const request = interfaceRequest('');
  if (sysRaw('ioctl', fd, T.TUNGETIFF, request.buffer as ArrayBuffer) < 0) return undefined;
  const name = Buffer.from(request.buffer as ArrayBuffer, 0, IFREQ.nameBytes)
    .toString('latin1')
    .replace(/\0.*/s, '');
  return { name, flags: request.getUint16(IFREQ.flags, true) };
}

/** An ioctl that tells a number. @throws SysError */
export function askNumber(fd: number, request: number): number {
  const value = new Int32Array(1);
  sys('ioctl', fd, request, value);
  return value[0]!;
}

const u32 = (view: DataView | undefined): number | undefined =>
  view && view.byteLength >= 4 ? view.getUint32(0, true) : undefined;
const bytesOf = (view: DataView): Uint8Array => new Uint8Array(view.buffer, view.byteOffset, view.byteLength).slice();
export const number32 = (value: number): Uint8Array => new Uint8Array(Uint32Array.of(value).buffer);

/** The link of a device; undefined where there is none of that name. */
export function linkOf(rt: Rtnetlink, name: string): R.RtMessage | undefined {
  const value = Buffer.from(`${name}\0`, 'latin1');
  try {
    return rt.ask(R.RTM.GETLINK, new Uint8Array(R.IFINFOMSG_BYTES), [{ type: R.IFLA_NAME, value }]);
  } catch {
    return undefined;
  }
}

/** Whether there is a device of this index. */
export function hasIndex(rt: Rtnetlink, index: number): boolean {
  const header = new Uint8Array(R.IFINFOMSG_BYTES);
  new DataView(header.buffer).setUint32(R.IFINFOMSG.ifindex, index, true);
  try {
    return rt.ask(R.RTM.GETLINK, header) !== undefined;
  } catch {
    return false;
  }
}

export const indexOf = (link: R.RtMessage): number => link.header.getUint32(R.IFINFOMSG.ifindex, true);

/** A device with a queue, as far as a descriptor of it tells. @throws SysError */
export function tellLink(
  rt: Rtnetlink,
  name: string,
  flags: number,
  fd: number,
): { device: TunDevice; link: R.RtMessage } {
  const link = rt.ask(R.RTM.GETLINK, new Uint8Array(R.IFINFOMSG_BYTES), [
    { type: R.IFLA_NAME, value: Buffer.from(`${name}\0`, 'latin1') },
  ])!;
  const data = dataOf(link);
  const endian = new Int32Array(1);
  const asked = (request: number) => sysRaw('ioctl', fd, request, endian) >= 0 && endian[0] !== 0;
  const vnet_endian = asked(T.TUNGETVNETBE) ? 2 : asked(T.TUNGETVNETLE) ? 1 : 0;
  const device: TunDevice = {
    link: {
      flags: flags & ~T.IFF_DETACH_QUEUE,
      owner: (u32(data?.get(R.IFLA_TUN.owner)) ?? -1) | 0,
      group: (u32(data?.get(R.IFLA_TUN.group)) ?? -1) | 0,
      vnethdr: askNumber(fd, T.TUNGETVNETHDRSZ),
      sndbuf: askNumber(fd, T.TUNGETSNDBUF),
    },
    ifindex: indexOf(link),
    offload: offloadsOf(deviceFeatures(name).active),
    ...(vnet_endian && { vnet_endian }),
  };
  return { device, link };
}

/** TUN_F_* of the features that a device has. */
export const offloadsOf = (active: ReadonlySet<string>): number =>
  T.TUN_OFFLOADS.reduce((bits, { flag, feature }) => (active.has(feature) ? bits | flag : bits), 0);

function dataOf(link: R.RtMessage): Map<number, DataView> | undefined {
  const info = link.attributes.get(R.IFLA.linkInfo);
  const data = info && R.attributesOf(info).get(R.IFLA_INFO_DATA);
  return data && R.attributesOf(data);
}

/** How many queues a device has, those that are switched off too. */
export function queuesOf(link: R.RtMessage): number {
  const data = dataOf(link);
  return (u32(data?.get(R.IFLA_TUN.queues)) ?? 0) + (u32(data?.get(R.IFLA_TUN.disabledQueues)) ?? 0);
}

/** Adds everything that goes with a device. @returns what of it a restore could not bring back @throws SysError */
export function tellWhole(rt: Rtnetlink, name: string, link: R.RtMessage, device: TunDevice): string | undefined {
  const { header, attributes } = link;
  const index = device.ifindex;
  device.features = [...deviceFeatures(name).requested];
  device.type = header.getUint16(R.IFINFOMSG.type, true);
  device.flags = header.getUint32(R.IFINFOMSG.flags, true) & IFF_SETTABLE;
  device.mtu = u32(attributes.get(R.IFLA.mtu)) ?? 0;
  device.queue_length = u32(attributes.get(R.IFLA.queueLength)) ?? 0;
  device.group = u32(attributes.get(R.IFLA.group)) ?? 0;
  device.link_mode = attributes.get(R.IFLA.linkMode)?.getUint8(0) ?? 0;
  device.carrier = attributes.get(R.IFLA.carrier)?.getUint8(0) === 1;
  const address = attributes.get(R.IFLA.address);
  if (address?.byteLength) device.address = bytesOf(address);
  const broadcast = attributes.get(R.IFLA.broadcast);
  if (broadcast?.byteLength) device.broadcast = bytesOf(broadcast);
  const alias = attributes.get(R.IFLA.alias);
  if (alias) device.alias = Buffer.from(bytesOf(alias)).toString('utf8').replace(/\0.*/s, '');
  device.settings = settingsOf(name);
  device.addresses = addressesOf(rt, index);
  const { records, fault } = routesOf(rt, index);
  device.routes = records;
  return whatElse(rt, name, index, attributes) ?? addressFault(device.addresses) ?? fault;
}

/** Settings that can be read; some cannot while they are not set. */
export function settingsOf(name: string): { name: string; value: string }[] {
  return SETTINGS.flatMap((dir) => {
    const path = `/proc/sys/net/${dir.replace('%s', name)}`;
    let files: string[];
    try {
      files = readdirSync(path).sort();
    } catch {
      return [];
    }
    return files.flatMap((file) => {
      if (NOT_SET.has(`${dir}/${file}`)) return [];
      try {
        return [{ name: `${dir}/${file}`, value: readFileSync(`${path}/${file}`, 'latin1').trim() }];
      } catch {
        return [];
      }
    });
  });
}

function whatElse(
  rt: Rtnetlink,
  name: string,
  index: number,
  attributes: ReadonlyMap<number, DataView>,
): string | undefined {
  if (u32(attributes.get(R.IFLA.master))) return 'that belongs to a bridge or another device';
  if (attributes.has(R.IFLA.names)) return 'with further names (altname)';
  const xdp = attributes.get(R.IFLA.xdp);
  if (xdp && R.attributesOf(xdp).get(R.IFLA_XDP_ATTACHED)?.getUint8(0)) return 'with an XDP program';
  if (attributes.get(R.IFLA.protoDown)?.getUint8(0)) return 'that is held down (protodown)';
  for (const [type, usual] of USUAL)
    if ((u32(attributes.get(type)) ?? usual) !== usual) return 'with limits of segments (gso_max_size and others)';
  if (coalescedFrames(name) !== 0) return 'with a number of frames to wait for (ethtool -C rx-frames)';
  const links = rt.list(R.RTM.GETLINK, new Uint8Array(R.IFINFOMSG_BYTES));
  if (links.some(({ attributes: of }) => u32(of.get(R.IFLA.link)) === index && !of.has(R.IFLA.linkNetwork)))
    return 'that another device stands on';
  const disciplines = rt.list(R.RTM.GETQDISC, new Uint8Array(R.TCMSG_BYTES));
  const own = disciplines.filter(({ header }) => header.getUint32(R.TCMSG.ifindex, true) === index);
  if (own.some(({ header }) => header.getUint32(R.TCMSG.handle, true) !== 0)) return 'with a queueing discipline (tc)';
  const neighbours = rt.list(R.RTM.GETNEIGH, new Uint8Array(R.NDMSG_BYTES));
  const kept = neighbours.some(
    ({ header }) =>
      header.getUint32(R.NDMSG.ifindex, true) === index &&
      (header.getUint16(R.NDMSG.state, true) & PERMANENT || header.getUint8(R.NDMSG.flags) & PROXY),
  );
  return kept ? 'with permanent neighbours (ip neigh)' : undefined;
}

const record = (
  { header, attributes }: R.RtMessage,
  kept: ReadonlySet<number>,
  change: (header: DataView) => void,
): TunRecord => {
  const bytes = bytesOf(header);
  change(new DataView(bytes.buffer));
  return {
    header: bytes,
    attributes: [...attributes]
      .filter(([type]) => kept.has(type))
      .sort(([a], [b]) => a - b)
      .map(([type, value]) => ({ type, value: bytesOf(value) })),
  };
};

/** The addresses of a device, in the order in which they were added. @throws SysError */
export function addressesOf(rt: Rtnetlink, index: number): TunRecord[] {
  const header = new Uint8Array(R.IFADDRMSG_BYTES);
  new DataView(header.buffer).setUint32(R.IFADDRMSG.ifindex, index, true);
  return rt.list(R.RTM.GETADDR, header).map((message) =>
    record(message, ADDRESS_ATTRIBUTES, (view) => {
      view.setUint32(R.IFADDRMSG.ifindex, 0, true);
    }),
  );
}

/** IFA_FLAGS of an address. */
export function addressFlags({ header, attributes = [] }: TunRecord): number {
  const told = attributes.find(({ type }) => type === R.IFA.flags)?.value;
  return told && told.length >= 4 ? Buffer.from(told).readUInt32LE(0) : header[R.IFADDRMSG.flags]!;
}

function addressFault(addresses: readonly TunRecord[]): string | undefined {
  const of6 = addresses.filter(({ header }) => header[R.IFADDRMSG.family] === AF_INET6);
  if (of6.some((one) => addressFlags(one) & R.IFA_F.dadFailed)) return 'with an address that another host has';
  return of6.some((one) => addressFlags(one) & R.IFA_F.temporary) ? 'with a temporary address' : undefined;
}

/** The routes that lead to a device. @throws SysError */
export function routesOf(rt: Rtnetlink, index: number): { records: TunRecord[]; fault: string | undefined } {
  const routes = [AF_INET, AF_INET6].flatMap((family) => {
    const header = new Uint8Array(R.RTMSG_BYTES);
    header[R.RTMSG.family] = family;
    return rt.list(R.RTM.GETROUTE, header, [{ type: R.RTA.oif, value: number32(index) }]);
  });
  const records: TunRecord[] = [];
  let fault: string | undefined;
  for (const route of routes) {
    const { attributes } = route;
    if (attributes.has(R.RTA.multipath)) fault = 'with a route that leads to several devices';
    if (u32(attributes.get(R.RTA.oif)) !== index) continue;
    const cache = attributes.get(R.RTA.cacheInfo);
    if (cache && cache.byteLength >= 12 && cache.getInt32(R.RTA_CACHEINFO_EXPIRES, true))
      fault = 'with a route that expires';
    const other = [...attributes.keys()].find((type) => !ROUTE_ATTRIBUTES.has(type) && type !== R.RTA.cacheInfo);
    if (other !== undefined) fault = `with a route that has attribute ${other} of rtnetlink(7)`;
    records.push(
      record(route, ROUTE_ATTRIBUTES, (view) => {
        view.setUint32(R.RTMSG.flags, view.getUint32(R.RTMSG.flags, true) & KEPT_ROUTE_FLAGS, true);
      }),
    );
  }
  return { records, fault };
}
