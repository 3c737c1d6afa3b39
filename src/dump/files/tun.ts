import { closeSync, fstatSync, statSync } from 'node:fs';
import { FdTypes, type TunDevice, type TunfileEntry } from '../../image/generated/messages.js';
import { NAMESPACES } from '../../image/namespaces.js';
import type { RtMessage } from '../../kernel/netlink/rtnetlink.js';
import { SIOCGSKNS } from '../../kernel/uapi/netdevice.js';
import { O_PATH } from '../../kernel/uapi/open-flags.js';
import { SOCK_FPROG_BYTES } from '../../kernel/uapi/socket-options.js';
import { POLLIN } from '../../kernel/uapi/socket.js';
import { devMajor, devMinor, S_IFCHR, S_IFMT } from '../../kernel/uapi/stat.js';
import * as T from '../../kernel/uapi/tun.js';
import { sysRaw } from '../../native/sys.js';
import { Rtnetlink } from '../../task/rtnetlink.js';
import { askNumber, attachedTo, queuesOf, tellLink, tellWhole } from '../../task/tun-device.js';
import type { Description } from './description.js';
import type { Files } from './files.js';
import type { FileKind } from './kind.js';
import { regular } from './regular.js';
import { pollSocket } from './socket-queue.js';
import { unsupported } from './unsupported.js';

/** A device that goes with its last descriptor, and how many of those there are in the tree. */
interface Going {
  readonly file: Description;
  readonly name: string;
  readonly link: RtMessage;
  queues: number;
}

/** /dev/net/tun (Documentation/networking/tuntap.rst). */
export const tun: FileKind = {
  type: FdTypes.TUNF,
  matches: ({ link, stat, info }) =>
    (stat.mode & S_IFMT) === S_IFCHR &&
    link.startsWith('/') &&
    !(info.flags & O_PATH) &&
    devMajor(stat.rdev) === T.TUN_DEVICE.major &&
    devMinor(stat.rdev) === T.TUN_DEVICE.minor,
  make: (files) => {
    const path = regular.make(files);
    const met = new Map<string, Going | undefined>();
    files.whenKnown(() => {
      for (const going of met.values()) if (going && queuesOf(going.link) > going.queues) throw shared(going);
    });
    return (file) =>
      files.use(file, (fd) => {
        if (!isOwn(fd, SIOCGSKNS) || !isOwn(fd, T.TUNGETDEVNETNS))
          throw unsupported(file, 'a tun or tap device of another network namespace');
        files.add({ type: FdTypes.REG, id: file.id, ...path(file) });
        const tunf: TunfileEntry = { id: file.id, ns_id: NAMESPACES.net.host };
        const attached = attachedTo(fd);
        if (!attached) return { tunf };
        const { name, flags } = attached;
        tunf.netdev = name;
        if (flags & T.IFF_DETACH_QUEUE) tunf.detached = true;
        const sndbuf = askNumber(fd, T.TUNGETSNDBUF);
        if (sndbuf !== T.NO_SNDBUF) tunf.sndbuf = sndbuf;
        if (flags & T.IFF_TAP) refuseFilter(file, fd, name);
        warnOfUnread(file, fd, name, files);
        const known = met.get(name);
        if (known) known.queues++;
        if (!met.has(name)) tunf.device = tell(file, fd, name, flags, met);
        return { tunf };
      });
  },
};

function tell(
  file: Description,
  fd: number,
  name: string,
  flags: number,
  met: Map<string, Going | undefined>,
): TunDevice {
  using rt = new Rtnetlink();
  const { device, link } = tellLink(rt, name, flags, fd);
  if (flags & T.IFF_PERSIST) {
    met.set(name, undefined);
    return device;
  }
  met.set(name, { file, name, link, queues: 1 });
  const fault = tellWhole(rt, name, link, device);
  if (fault !== undefined)
    throw unsupported(
      file,
      `the device ${name}, which goes with its last descriptor, ${fault},`,
      'cannot be restored: remove that, or make the device persistent (TUNSETPERSIST)',
    );
  return device;
}

const shared = ({ file, name }: Going) =>
  unsupported(
    file,
    `the device ${name}`,
    'has queues of processes outside of the tree as well: dump all that have it open',
  );

/** The kernel tells how long a filter is, and where the process had it. */
function refuseFilter(file: Description, fd: number, name: string): void {
  const told = new Uint8Array(SOCK_FPROG_BYTES);
  if (sysRaw('ioctl', fd, T.TUNGETFILTER, told) < 0) return;
  if (told[0] || told[1]) throw unsupported(file, `the tap device ${name} with a filter (TUNATTACHFILTER)`);
}

function warnOfUnread(file: Description, fd: number, name: string, { ctx }: Files): void {
  if (!ctx.running && pollSocket(fd) & POLLIN)
    ctx.log.warn(
      `${file.where} (${file.link}): packets that nobody has read from the device ${name}: they are lost, as packets may be`,
    );
}

/** Whether it is of crit's network namespace, where the kernel can tell. */
function isOwn(fd: number, request: number): boolean {
  const ns = sysRaw('ioctl', fd, request);
  if (ns < 0) return true;
  try {
    return fstatSync(ns).ino === statSync('/proc/self/ns/net').ino;
  } finally {
    closeSync(ns);
  }
}
