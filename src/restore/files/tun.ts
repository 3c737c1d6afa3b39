import { closeSync } from 'node:fs';
import { imageFileName } from '../../image/catalogue.js';
import { CritError } from '../../image/errors.js';
import type { FileOf } from '../../image/file-kinds.js';
import type { TunDevice, TunRecord } from '../../image/generated/messages.js';
import * as R from '../../kernel/netlink/rtnetlink.js';
import { errnoWords } from '../../kernel/uapi/errno.js';
import { IFREQ } from '../../kernel/uapi/netdevice.js';
import { O_CLOEXEC } from '../../kernel/uapi/open-flags.js';
import { devMajor, devMinor } from '../../kernel/uapi/stat.js';
import * as T from '../../kernel/uapi/tun.js';
import { Rtnetlink } from '../../task/rtnetlink.js';
import { ADDRESS_ATTRIBUTES, hasIndex, indexOf, linkOf, ROUTE_ATTRIBUTES, SETTINGS } from '../../task/tun-device.js';
import type { Files, GroupMaker } from './group.js';
import { fetchFromCrit } from './inherited.js';
import { lookUp, type Found } from './look-up.js';
import { openFlags } from './place.js';
import { deviceFault, makeDevice, type Queue } from './tun-device.js';

const MOST_RECORDS = 65536;
const MOST_VALUE_BYTES = 4096;

interface Wanted {
  readonly id: number;
  readonly found: Found;
  readonly flags: number;
  readonly detached: boolean;
  readonly sndbuf: number;
}

/**
 * /dev/net/tun: crit opens it and makes the devices before there are processes, so that sockets find their addresses. A device
 * that is not persistent goes with the last descriptor, whatever becomes of the restore.
 */
export const tun: GroupMaker<'tunf'> = (files, entries) => {
  const free: Wanted[] = [];
  const devices = new Map<string, { device: TunDevice | undefined; queues: Wanted[] }>();
  for (const entry of entries) {
    files.slot(entry.id);
    const wanted = wantedOf(files, entry);
    if (!wanted) continue;
    const { netdev, device } = entry.tunf;
    if (netdev === undefined) {
      free.push(wanted);
      continue;
    }
    const known = devices.get(netdev) ?? { device: undefined, queues: [] };
    devices.set(netdev, known);
    if (device) known.device = check(entry.id, netdev, device);
    known.queues.push(wanted);
  }
  for (const [name, { device }] of devices) checkHost(files, name, device);
  const open = new Map<number, number>();
  return {
    name: 'tun and tap devices',
    at: {
      outside: () => {
        const openQueue = ({ id, found, flags, detached, sndbuf }: Wanted): Queue => {
          const fd = found.root.open(found.path, openFlags(flags) | O_CLOEXEC);
          if (fd < 0)
            throw new CritError(`${found.path} cannot be opened: ${errnoWords(-fd)}`, { code: 'MISSING_FILE' });
          open.set(id, fd);
          return { fd, detached, sndbuf };
        };
        for (const wanted of free) openQueue(wanted);
        for (const [name, { device, queues }] of devices) makeDevice(name, device!, queues.map(openQueue));
      },
      open: ({ b }) => {
        using _doing = b.doing('taking tun and tap devices');
        for (const [id, fd] of open) fetchFromCrit(b, fd, files.slot(id));
      },
      fill: () => {
        letGo(open);
      },
    },
    planLines: () =>
      [...devices].map(
        ([name, { device, queues }]) =>
          `device ${name}: ${device && device.link.flags & T.IFF_PERSIST ? 'is attached to' : 'is made'}, ${queues.length} queue(s)`,
      ),
    undo: () => {
      letGo(open);
    },
  };
};

function letGo(open: Map<number, number>): void {
  for (const fd of open.values()) closeSync(fd);
  open.clear();
}

const bad = (id: number, what: string) =>
  new CritError(`${imageFileName('FILES')}: file ${id}: ${what}`, { code: 'BAD_IMAGE' });

function wantedOf(files: Files, { id, tunf }: FileOf<'tunf'>): Wanted | undefined {
  const path = files.images.paths.get(id);
  if (!path) throw bad(id, 'there is no path of it');
  const found = lookUp(files.ctx.lookupRoot, path.name);
  const { rdev } = found?.stat ?? { rdev: 0n };
  const device = found?.stat.isCharacterDevice() && devMajor(Number(rdev)) === T.TUN_DEVICE.major;
  if (!device || devMinor(Number(rdev)) !== T.TUN_DEVICE.minor) {
    files.ctx.refuse(
      new CritError(`${path.name} is not the device of tun and tap: modprobe tun, and restore again`, {
        code: 'MISSING_FILE',
      }),
    );
    return undefined;
  }
  const { detached = false, sndbuf = T.NO_SNDBUF } = tunf;
  return { id, found: found!, flags: path.flags, detached, sndbuf };
}

/** What an image may say: the device that is made is all that it can reach. */
function check(id: number, name: string, device: TunDevice): TunDevice {
  if (!/^[^/\0%:\s]+$/.test(name) || Buffer.byteLength(name, 'latin1') >= IFREQ.nameBytes || NO_DEVICE.has(name))
    throw bad(id, `${JSON.stringify(name)} is no name of a device`);
  if (device.ifindex < 1 || device.ifindex > 0x7fffffff) throw bad(id, `${device.ifindex} is no index of a device`);
  const { settings = [], addresses = [], routes = [] } = device;
  if (addresses.length + routes.length > MOST_RECORDS) throw bad(id, 'it has too many addresses and routes');
  for (const { name: setting, value } of settings) {
    const dir = SETTINGS.find((one) => setting.startsWith(`${one}/`));
    if (!dir || !/^[a-z0-9_]+$/.test(setting.slice(dir.length + 1)) || !/^[\x20-\x7e\t]{0,255}$/.test(value))
      throw bad(id, `${JSON.stringify(setting.slice(0, 80))} is no setting of a device`);
  }
  const fits = ({ header, attributes = [] }: TunRecord, bytes: number, types: ReadonlySet<number>) =>
    header.length === bytes &&
    attributes.every(({ type, value }) => types.has(type) && value.length < MOST_VALUE_BYTES);
  const leads = ({ attributes = [] }: TunRecord) => {
    const out = attributes.filter(({ type }) => type === R.RTA.oif);
    return (
      out.length === 1 && out[0]!.value.length === 4 && Buffer.from(out[0]!.value).readUInt32LE(0) === device.ifindex
    );
  };
  if (!addresses.every((one) => fits(one, R.IFADDRMSG_BYTES, ADDRESS_ATTRIBUTES)))
    throw bad(id, 'it has an address that is none');
  if (!routes.every((one) => fits(one, R.RTMSG_BYTES, ROUTE_ATTRIBUTES) && leads(one)))
    throw bad(id, 'it has a route that is none of it');
  return device;
}

/** Directories of /proc/sys/net/ipv4/conf that are those of no device. */
const NO_DEVICE: ReadonlySet<string> = new Set(['all', 'default', '.', '..']);

function checkHost(files: Files, name: string, device: TunDevice | undefined): void {
  const { refuse } = files.ctx;
  if (!device) {
    refuse(
      deviceFault(
        name,
        'is one of a network namespace of the tree, as CRIU dumps it: restoring that is not supported yet',
      ),
    );
    return;
  }
  using rt = new Rtnetlink();
  const link = linkOf(rt, name);
  if (device.link.flags & T.IFF_PERSIST) {
    if (!link) refuse(deviceFault(name, 'is gone: make it again (ip tuntap add), and restore again'));
    else if (indexOf(link) !== device.ifindex)
      refuse(deviceFault(name, `is another one than that of the dump: its index was ${device.ifindex}`));
  } else if (link) refuse(deviceFault(name, 'is there already: its name is taken'));
  else if (hasIndex(rt, device.ifindex))
    refuse(deviceFault(name, `cannot be made: its index ${device.ifindex} is another device's by now`));
}
