import { imageFileName } from '../../image/catalogue.js';
import { CritError } from '../../image/errors.js';
import type { PacketRing, PacketSockEntry } from '../../image/generated/messages.js';
import * as P from '../../kernel/uapi/packet.js';
import { AF_PACKET, SOCK_DGRAM, SOCK_PACKET, SOCK_RAW } from '../../kernel/uapi/socket.js';
import type { Batch } from '../../task/batch.js';
import { group, type GroupMaker } from './group.js';
import { setInt } from './inet-options.js';
import { interfaceName } from './interface-name.js';
import { place, setFlags } from './place.js';
import { setFileOwner } from './socket-owner.js';
import { checkSocketOptions, setSocketOptions } from './socket-options.js';

/** An image without a group says so with this. */
const NO_FANOUT = 0xffffffff;
const MOST_MEMBERSHIPS = 4096;
/** What the kernel allocates for a ring is not swapped. */
const MOST_RING_BYTES = 1 << 30;
const V3 = 2;

/** packet(7); they see packets when all is there. */
export const packet: GroupMaker<'psk'> = (files, entries) => {
  for (const { id, psk } of entries) {
    check(id, psk);
    files.slot(id);
  }
  return group('packet sockets', {
    open: ({ b }) => {
      for (const { id, psk } of entries) open(b, files.slot(id), psk);
    },
    live: ({ b }) => {
      for (const { id, psk } of entries) begin(b, files.slot(id), psk);
    },
  });
};

function check(id: number, psk: PacketSockEntry): void {
  const where = `${imageFileName('FILES')}: file ${id}`;
  const no = (what: string) => new CritError(`${where}: packet socket ${what}`, { code: 'BAD_IMAGE' });
  if (psk.id !== id) throw no(`says that it is file ${psk.id}`);
  if (![SOCK_RAW, SOCK_DGRAM, SOCK_PACKET].includes(psk.type)) throw no(`is of type ${psk.type}`);
  if (psk.protocol > 0xffff) throw no(`has protocol ${psk.protocol}`);
  const list = psk.mclist ?? [];
  if (list.length > MOST_MEMBERSHIPS) throw no(`has ${list.length} memberships: ${MOST_MEMBERSHIPS} are the most`);
  for (const { addr } of list)
    if (addr.length > P.MOST_HARDWARE_ADDRESS) throw no(`has a hardware address of ${addr.length} bytes`);
  for (const ring of [psk.rx_ring, psk.tx_ring])
    if (ring && ring.block_size * ring.block_nr > MOST_RING_BYTES)
      throw no(`has a ring of ${ring.block_size * ring.block_nr} bytes: ${MOST_RING_BYTES} are the most`);
  checkSocketOptions(where, psk.opts);
}

/** One of protocol 0 sees nothing: it gets its protocol last. Old ones (SOCK_PACKET) have theirs from the start. */
function open(b: Batch, slot: number, psk: PacketSockEntry): void {
  using _doing = b.doing(`making the packet socket of file ${psk.id}`);
  const old = psk.type === SOCK_PACKET;
  place(b, b.call('socket', AF_PACKET, psk.type, old ? psk.protocol : 0), slot);
  if (!old) setPacketOptions(b, slot, psk);
  setSocketOptions(b, slot, psk.opts);
  setFlags(b, slot, psk.flags);
  setFileOwner(b, slot, psk);
}

function setPacketOptions(b: Batch, slot: number, psk: PacketSockEntry): void {
  const set = (option: number, value: number) => {
    setInt(b, slot, P.SOL_PACKET, option, value);
  };
  if (psk.version) set(P.PACKET_VERSION, psk.version);
  if (psk.reserve) set(P.PACKET_RESERVE, psk.reserve);
  if (psk.timestamp) set(P.PACKET_TIMESTAMP, psk.timestamp);
  if (psk.copy_thresh) set(P.PACKET_COPY_THRESH, psk.copy_thresh);
  if (psk.aux_data) set(P.PACKET_AUXDATA, 1);
  if (psk.orig_dev) set(P.PACKET_ORIGDEV, 1);
  if (psk.vnet_hdr_sz !== undefined) set(P.PACKET_VNET_HDR_SZ, psk.vnet_hdr_sz);
  else if (psk.vnet_hdr) set(P.PACKET_VNET_HDR, 1);
  if (psk.loss) set(P.PACKET_LOSS, 1);
  for (const { field, option } of P.PACKET_OPTIONS) if (psk[field]) set(option, 1);
  setRing(b, slot, psk, P.PACKET_RX_RING, psk.rx_ring);
  setRing(b, slot, psk, P.PACKET_TX_RING, psk.tx_ring);
}

/** struct tpacket_req, or tpacket_req3. */
function setRing(b: Batch, slot: number, { version }: PacketSockEntry, option: number, ring?: PacketRing): void {
  if (!ring) return;
  const words = [ring.block_size, ring.block_nr, ring.frame_size, ring.frame_nr];
  if (version === V3) words.push(ring.retire_tmo, ring.sizeof_priv, ring.features);
  const bytes = new Uint8Array(Uint32Array.from(words).buffer);
  b.call('setsockopt', slot, P.SOL_PACKET, option, bytes, bytes.length);
}

function begin(b: Batch, slot: number, psk: PacketSockEntry): void {
  using _doing = b.doing(`binding the packet socket of file ${psk.id}`);
  if (psk.type === SOCK_PACKET) {
    if (psk.ifindex === 0) return;
    const address = P.oldPacketAddress(interfaceName(psk.ifindex));
    b.call('bind', slot, address, address.length);
    return;
  }
  for (const { index, type, addr } of psk.mclist ?? []) {
    const membership = P.packetMembership(index, type, addr);
    b.call('setsockopt', slot, P.SOL_PACKET, P.PACKET_ADD_MEMBERSHIP, membership, membership.length);
  }
  if (psk.protocol || psk.ifindex) {
    const address = P.packetAddress(psk.protocol, psk.ifindex);
    b.call('bind', slot, address, address.length);
  }
  if (psk.fanout !== undefined && psk.fanout !== NO_FANOUT)
    setInt(b, slot, P.SOL_PACKET, P.PACKET_FANOUT, psk.fanout | 0);
}
