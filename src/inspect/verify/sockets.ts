import { imageFileName } from '../../image/catalogue.js';
import { SOCKET_STATE } from '../../image/socket-names.js';
import { AF_INET, AF_INET6, IPPROTO_TCP, SOCK_STREAM } from '../../kernel/uapi/socket.js';
import { URGENT_BYTE } from '../../image/unix-sockets.js';
import { checkFileId } from './descriptors.js';
import { DUMP_AGAIN, type Rule } from './finding.js';

const PORTS = 65536;
/** linux/tcp.h: the ends agreed on scaled windows. */
const TCPI_OPT_WSCALE = 4;
/** RFC 7323, 2.3 */
const MOST_WINDOW_SCALE = 14;
/** The option that tells it has 16 bits (RFC 9293, 3.7.1). */
const MOST_SEGMENT_BYTES = 65535;

/** States of a TCP socket that has another end (include/net/tcp_states.h): its queues and numbers are in an image. */
const CONNECTED: readonly string[] = [
  'ESTABLISHED',
  'SYN_SENT',
  'FIN_WAIT1',
  'FIN_WAIT2',
  'CLOSE_WAIT',
  'LAST_ACK',
  'CLOSING',
];

/** Whether a socket is a TCP connection, or one that has ended whose queue is told yet. */
export const isConnection = (socket: { type: number; proto: number; state: number; dst_port: number }): boolean => {
  if (socket.type !== SOCK_STREAM || socket.proto !== IPPROTO_TCP) return false;
  const state = SOCKET_STATE[socket.state] ?? '';
  return CONNECTED.includes(state) || (state === 'CLOSE' && socket.dst_port !== 0);
};

/** Sockets and what is in their queues. */
export const socketRules: readonly Rule[] = [
  {
    code: 'V_UNIX_PEER',
    severity: 'error',
    checks: 'the peer of a unix socket is in the set, and each inode is there once',
    todo: DUMP_AGAIN,
    walk: (set, report) => {
      const inodes = new Set<number>();
      for (const { message, image, entry } of set.of('usk')) {
        if (inodes.has(message.ino)) report({ image, entry, field: 'usk.ino' }, `inode ${message.ino} is there twice`);
        inodes.add(message.ino);
      }
      if (!set.byId) return;
      for (const { message, image, entry } of set.of('usk')) {
        if (message.peer !== 0 && !inodes.has(message.peer))
          report({ image, entry, field: 'usk.peer' }, `no unix socket of the set has inode ${message.peer}`);
        for (const [i, ino] of (message.waiting ?? []).entries())
          if (!inodes.has(ino))
            report({ image, entry, field: `usk.waiting[${i}]` }, `no unix socket of the set has inode ${ino}`);
      }
    },
  },
  {
    code: 'V_QUEUE',
    severity: 'error',
    checks: 'queued messages belong to a socket of files.img, and so do the files in them',
    todo: DUMP_AGAIN,
    walk: (set, report) => {
      const image = imageFileName('SK_QUEUES');
      for (const [entry, { id_for, scm, length, urgent }] of (set.keep('SK_QUEUES') ?? []).entries()) {
        const owner = set.byId?.get(id_for)?.file;
        if (set.byId && !(owner?.usk ?? owner?.nlsk ?? owner?.isk ?? owner?.psk))
          report({ image, entry, field: 'id_for' }, `no socket of ${imageFileName('FILES')} has the id ${id_for}`);
        if (urgent && length !== (urgent === URGENT_BYTE.read ? 0 : 1))
          report(
            { image, entry, field: 'urgent' },
            `${urgent} of ${length} bytes: an urgent byte is one, or none any more`,
          );
        for (const [i, { rights = [] }] of (scm ?? []).entries())
          for (const [k, id] of rights.entries())
            checkFileId(set, report, { image, entry, field: `scm[${i}].rights[${k}]` }, id);
      }
    },
  },
  {
    code: 'V_INET_ADDRESS',
    severity: 'error',
    checks: 'an internet socket has addresses of its family, and ports below 65536',
    todo: DUMP_AGAIN,
    walk: (set, report) => {
      for (const { message, image, entry } of set.of('isk')) {
        const place = (field: string) => ({ image, entry, field: `isk.${field}` });
        const words = message.family === AF_INET ? 1 : message.family === AF_INET6 ? 4 : undefined;
        if (words === undefined) report(place('family'), `${message.family} is neither IPv4 nor IPv6`);
        else
          for (const field of ['src_addr', 'dst_addr'] as const)
            if ((message[field]?.length ?? 0) < words)
              report(place(field), `has ${message[field]?.length ?? 0} words, ${words} are needed`);
        for (const field of ['src_port', 'dst_port'] as const)
          if (message[field] >= PORTS) report(place(field), `${message[field]} is no port`);
      }
    },
  },
  {
    code: 'V_TCP_STREAM',
    severity: 'error',
    checks: 'an established TCP connection has the image of its queues and numbers',
    todo: DUMP_AGAIN,
    walk: (set, report) => {
      const inodes = new Set<number>();
      for (const { message, file } of set.of('isk')) {
        if (!isConnection(message)) continue;
        inodes.add(message.ino);
        if (!set.inventory?.tcp_close)
          set.mustHave('TCP_STREAM', message.ino, `file ${file.id} is an established TCP connection`);
      }
      if (!set.byId) return;
      for (const { file, type, id } of set.files)
        if (type === 'TCP_STREAM' && !inodes.has(Number(id)))
          report({ image: file }, `no connection of ${imageFileName('FILES')} has inode ${id}`);
    },
  },
  {
    code: 'V_TCP_VALUES',
    severity: 'error',
    checks: 'the numbers of a TCP connection are within what TCP has',
    todo: DUMP_AGAIN,
    walk: (set, report) => {
      for (const { file: image, type, id } of set.files) {
        if (type !== 'TCP_STREAM' || id === undefined) continue;
        for (const [entry, stream] of (set.keep('TCP_STREAM', id) ?? []).entries()) {
          const { opt_mask, unsq_len = 0, outq_len, mss_clamp } = stream;
          if (opt_mask & TCPI_OPT_WSCALE)
            for (const field of ['snd_wscale', 'rcv_wscale'] as const)
              if ((stream[field] ?? 0) > MOST_WINDOW_SCALE)
                report({ image, entry, field }, `${stream[field]} is no scale, ${MOST_WINDOW_SCALE} is the most`);
          if (unsq_len > outq_len)
            report({ image, entry, field: 'unsq_len' }, `${unsq_len} bytes were not sent, the queue has ${outq_len}`);
          if (mss_clamp > MOST_SEGMENT_BYTES)
            report({ image, entry, field: 'mss_clamp' }, `${mss_clamp} bytes are no segment`);
        }
      }
    },
  },
];
