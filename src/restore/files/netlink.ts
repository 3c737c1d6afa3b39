import { imageFileName } from '../../image/catalogue.js';
import { CritError } from '../../image/errors.js';
import type { NetlinkSkEntry } from '../../image/generated/messages.js';
import { ERRNO } from '../../kernel/uapi/errno.js';
import {
  NETLINK_ADD_MEMBERSHIP,
  NETLINK_CONNECTED,
  NETLINK_OPTIONS,
  netlinkAddress,
  SOL_NETLINK,
} from '../../kernel/uapi/netlink.js';
import { AF_NETLINK, SOCK_DGRAM, SOCK_RAW } from '../../kernel/uapi/socket.js';
import type { Batch } from '../../task/batch.js';
import { group, type GroupMaker } from './group.js';
import { setInt } from './inet-options.js';
import { place, setFlags } from './place.js';
import { setFileOwner } from './socket-owner.js';
import { checkSocketOptions, setSocketOptions } from './socket-options.js';

const WORD_BITS = 32;
/** More than any protocol has. */
const MOST_WORDS = 128;

/** netlink(7); they hear of events when all is there. */
export const netlink: GroupMaker<'nlsk'> = (files, entries) => {
  for (const { id, nlsk } of entries) {
    check(id, nlsk);
    files.slot(id);
  }
  return group('netlink sockets', {
    open: ({ b }) => {
      const bound = entries.map(({ id, nlsk }) => {
        const slot = files.slot(id);
        using _doing = b.doing(`making the netlink socket ${nlsk.ino}`);
        place(b, b.call('socket', AF_NETLINK, nlsk.type ?? SOCK_RAW, nlsk.protocol), slot);
        if (!nlsk.portid) return undefined;
        const address = netlinkAddress(nlsk.portid);
        return b.tryCall('bind', slot, address, address.length);
      });
      b.run();
      entries.forEach(({ id, nlsk }, i) => {
        const result = bound[i]?.value ?? 0;
        if (result < 0) bindElsewhere(b, files.slot(id), nlsk, -result);
        if (result === -ERRNO.EADDRINUSE)
          files.ctx.log.warn(
            `netlink socket ${nlsk.ino}: port ${nlsk.portid} is another's by now: it gets one that is free`,
          );
        finish(b, files.slot(id), nlsk);
      });
    },
    live: ({ b }) => {
      for (const { id, nlsk } of entries) join(b, files.slot(id), nlsk);
    },
  });
};

function check(id: number, nlsk: NetlinkSkEntry): void {
  const no = (what: string) =>
    new CritError(`${imageFileName('FILES')}: file ${id}: netlink socket ${nlsk.ino} ${what}`, { code: 'BAD_IMAGE' });
  if (nlsk.id !== id) throw no(`says that it is file ${nlsk.id}`);
  if (nlsk.type !== undefined && nlsk.type !== SOCK_RAW && nlsk.type !== SOCK_DGRAM)
    throw no(`is of type ${nlsk.type}`);
  if ((nlsk.groups?.length ?? 0) > MOST_WORDS)
    throw no(`is in groups of ${nlsk.groups?.length} words: ${MOST_WORDS} are the most`);
  // connect(2) takes a mask
  if (nlsk.dst_group > WORD_BITS) throw no(`sends to group ${nlsk.dst_group}`);
  checkSocketOptions(`${imageFileName('FILES')}: file ${id}`, nlsk.opts);
}

/** Ports are process ids at first: another process can have taken one. */
function bindElsewhere(b: Batch, slot: number, nlsk: NetlinkSkEntry, errno: number): void {
  using _doing = b.doing(`binding the netlink socket ${nlsk.ino}`);
  const address = netlinkAddress(errno === ERRNO.EADDRINUSE ? 0 : nlsk.portid);
  b.call('bind', slot, address, address.length);
}

function finish(b: Batch, slot: number, nlsk: NetlinkSkEntry): void {
  using _doing = b.doing(`setting the options of the netlink socket ${nlsk.ino}`);
  if (nlsk.state === NETLINK_CONNECTED) {
    const to = netlinkAddress(nlsk.dst_portid, nlsk.dst_group ? (1 << (nlsk.dst_group - 1)) >>> 0 : 0);
    b.call('connect', slot, to, to.length);
  }
  for (const { field, option } of NETLINK_OPTIONS) if (nlsk[field]) setInt(b, slot, SOL_NETLINK, option, 1);
  setSocketOptions(b, slot, nlsk.opts);
  setFlags(b, slot, nlsk.flags);
  setFileOwner(b, slot, nlsk);
}

function join(b: Batch, slot: number, nlsk: NetlinkSkEntry): void {
  for (const [i, word] of (nlsk.groups ?? []).entries())
    for (let bit = 0; bit < WORD_BITS; bit++) {
      if (((word >>> bit) & 1) === 0) continue;
      const number = i * WORD_BITS + bit + 1;
      using _doing = b.doing(`joining group ${number} of the netlink socket ${nlsk.ino}`);
      setInt(b, slot, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, number);
    }
}
