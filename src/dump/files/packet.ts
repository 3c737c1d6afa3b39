import { FdTypes, type PacketRing as RingMessage, type PacketSockEntry } from '../../image/generated/messages.js';
import { NAMESPACES } from '../../image/namespaces.js';
import {
  packetDiagRequest,
  parsePacketDiag,
  type PacketRing,
  type PacketSocket,
} from '../../kernel/netlink/packet-diag.js';
import {
  PACKET_FANOUT_CBPF,
  PACKET_FANOUT_EBPF,
  PACKET_MR_UNICAST,
  PACKET_OPTIONS,
  PACKET_VNET_HDR_SZ,
  SOL_PACKET,
  VIRTIO_NET_HEADER_BYTES,
} from '../../kernel/uapi/packet.js';
import { POLLERR, POLLIN } from '../../kernel/uapi/socket.js';
import { SysError, sysRaw } from '../../native/sys.js';
import type { Description } from './description.js';
import type { Files } from './files.js';
import type { MakesEntries } from './kind.js';
import { isOwnNetwork } from './own-network.js';
import { socketOwner } from './peer-credentials.js';
import { askSockDiag } from '../../task/sock-diag.js';
import { socketOptions } from './socket-options.js';
import { pollSocket } from './socket-queue.js';
import { unsupported } from './unsupported.js';

const NO_ADDRESS = new Uint8Array(0);
const NO_INTERFACE = 0xffffffff;

/** packet(7) */
export const packet: MakesEntries = {
  type: FdTypes.PACKETSK,
  make: (files) => {
    let list: ReadonlyMap<number, PacketSocket> | undefined;
    return (file) =>
      files.use(file, (fd) => {
        if (!isOwnNetwork(fd)) throw unsupported(file, 'a socket of another network namespace');
        const told = (list ??= readPacketSockets()).get(Number(file.stat.ino & 0xffffffffn));
        if (!told) throw unsupported(file, 'a packet socket that the kernel does not list');
        refuse(file, fd, told, files);
        const psk: PacketSockEntry = {
          id: file.id,
          type: told.type,
          protocol: told.protocol,
          flags: file.info.flags,
          ifindex: told.ifindex,
          fown: file.owner,
          opts: socketOptions(file, fd),
          version: told.version,
          reserve: told.reserve,
          aux_data: told.auxData,
          orig_dev: told.originalDevice,
          vnet_hdr: told.vnetHeader,
          loss: told.loss,
          timestamp: told.timestamp,
          copy_thresh: told.copyThreshold,
          mclist: told.memberships.flatMap(({ ifindex: index, type, count, address }) =>
            Array.from({ length: count }, () => ({ index, type, addr: hasAddress(type) ? address : NO_ADDRESS })),
          ),
          ns_id: NAMESPACES.net.host,
          ...socketOwner(file.stat),
        };
        if (told.fanout !== undefined) psk.fanout = told.fanout;
        const header = option(fd, PACKET_VNET_HDR_SZ);
        if (header !== (told.vnetHeader ? VIRTIO_NET_HEADER_BYTES : 0) && header > 0) psk.vnet_hdr_sz = header;
        for (const { field, option: number } of PACKET_OPTIONS) if (option(fd, number)) psk[field] = true;
        if (told.receiveRing) psk.rx_ring = ringMessage(told.receiveRing);
        if (told.sendRing) psk.tx_ring = ringMessage(told.sendRing);
        return { psk };
      });
  },
};

/** PACKET_MR_MULTICAST and PACKET_MR_UNICAST have one. */
const hasAddress = (type: number) => type === 0 || type === PACKET_MR_UNICAST;

/** All of crit's network namespace, by inode number. */
function readPacketSockets(): ReadonlyMap<number, PacketSocket> {
  const found = new Map<number, PacketSocket>();
  const errno = askSockDiag(packetDiagRequest(), (datagram) => parsePacketDiag(datagram, (s) => found.set(s.ino, s)));
  if (errno) throw new SysError('recvfrom', errno, 'of the list of packet sockets');
  return found;
}

/** An option that is a number; 0 where the kernel does not know it. */
function option(fd: number, number: number): number {
  const value = new Int32Array(1);
  const r = sysRaw('getsockopt', fd, SOL_PACKET, number, value, Uint32Array.of(4));
  return r < 0 ? 0 : value[0]!;
}

function refuse(file: Description, fd: number, told: PacketSocket, files: Files): void {
  if (told.ifindex === NO_INTERFACE) throw unsupported(file, 'a packet socket whose network interface is gone');
  const fanout = (told.fanout ?? 0) >>> 16;
  if ([PACKET_FANOUT_CBPF, PACKET_FANOUT_EBPF].includes(fanout & 0xff))
    throw unsupported(file, 'a packet socket of a group that a program shares out (PACKET_FANOUT_CBPF, _EBPF)');
  if (files.ctx.running) return;
  const ready = pollSocket(fd);
  const warn = (what: string) => {
    files.ctx.log.warn(`${file.where} (${file.link}): a packet socket with ${what}`);
  };
  if (ready & POLLERR) warn('an error that nobody has asked for: that is lost');
  if (ready & POLLIN) warn('packets that nobody has read: they are lost, as packets may be');
}

const ringMessage = (ring: PacketRing): RingMessage => ({
  block_size: ring.blockSize,
  block_nr: ring.blocks,
  frame_size: ring.frameSize,
  frame_nr: ring.frames,
  retire_tmo: ring.retireMs,
  sizeof_priv: ring.privateBytes,
  features: ring.features,
});
