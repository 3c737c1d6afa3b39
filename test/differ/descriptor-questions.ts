import { AT_EMPTY_PATH, AT_STATX_DONT_SYNC, SEEK_CUR } from '../../src/kernel/uapi/open-flags.js';
import * as F from '../../src/kernel/uapi/open-flags.js';
import { STATX_BYTES } from '../../src/kernel/uapi/stat.js';
import { room, type Questions } from './ask.js';
import type { Looked } from './descriptors.js';
import { remaining } from './facts.js';

/** fcntl(2): what only reads, and takes no argument. */
const FCNTL = {
  F_GETFD: F.F_GETFD,
  F_GETFL: F.F_GETFL,
  F_GETSIG: F.F_GETSIG,
  F_GETLEASE: F.F_GETLEASE,
  F_GETPIPE_SZ: F.F_GETPIPE_SZ,
  F_GET_SEALS: F.F_GET_SEALS,
  F_CREATED_QUERY: 1028,
} as const;
/** ... and fills room. */
const FCNTL_INTO = {
  F_GETOWN_EX: [F.F_GETOWN_EX, 8],
  F_GETOWNER_UIDS: [F.F_GETOWNER_UIDS, 8],
  F_GET_RW_HINT: [F.F_GET_RW_HINT, 8],
  F_GET_FILE_RW_HINT: [F.F_GET_FILE_RW_HINT, 8],
} as const;

/** ioctl(2) requests that only read (ioctl_list(2), ioctl_tty(2), linux/fs.h, linux/sockios.h), and the size of the answer. */
const IOCTL = {
  FIONREAD: [0x541b, 4],
  'TIOCOUTQ, SIOCOUTQ': [0x5411, 4],
  SIOCATMARK: [0x8905, 4],
  SIOCOUTQNSD: [0x894b, 4],
  FIOGETOWN: [0x8903, 4],
  TCGETS: [0x5401, 36],
  TCGETS2: [0x802c542a, 44],
  TIOCGLCKTRMIOS: [0x5456, 36],
  TIOCGWINSZ: [0x5413, 8],
  TIOCGPGRP: [0x540f, 4],
  TIOCGSID: [0x5429, 4],
  TIOCGEXCL: [0x80045440, 4],
  TIOCGPKT: [0x80045438, 4],
  TIOCGPTN: [0x80045430, 4],
  TIOCGPTLCK: [0x80045439, 4],
  TIOCGETD: [0x5424, 4],
  TIOCGSOFTCAR: [0x5419, 4],
  TIOCMGET: [0x5415, 4],
  TIOCGDEV: [0x80045432, 4],
  FIGETBSZ: [2, 4],
  FS_IOC_GETFLAGS: [0x80086601, 8],
  FS_IOC_GETVERSION: [0x80087601, 8],
  FS_IOC_FSGETXATTR: [0x801c581f, 28],
  FS_IOC_GETFSUUID: [0x80111500, 17],
  EPIOCGPARAMS: [0x80088a02, 8],
  BLKGETSIZE64: [0x80081272, 8],
  TUNGETIFF: [0x800454d2, 40],
} as const;

/** Levels of getsockopt(2) and how many options each has. */
const SOCKET_LEVELS = {
  SOL_SOCKET: [1, 92],
  IPPROTO_IP: [0, 64],
  IPPROTO_IPV6: [41, 85],
  IPPROTO_TCP: [6, 45],
  IPPROTO_UDP: [17, 104],
  IPPROTO_RAW: [255, 4],
  SOL_PACKET: [263, 26],
  SOL_NETLINK: [270, 14],
} as const;
/** Those that change something when they are read. */
const NOT_READ: Readonly<Record<string, string>> = {
  'SOL_SOCKET 4': 'SO_ERROR is cleared by reading',
  'SOL_SOCKET 77': 'SO_PEERPIDFD makes a descriptor',
  'IPPROTO_TCP 28': 'TCP_SAVED_SYN is freed by reading',
  'IPPROTO_TCP 35': 'TCP_ZEROCOPY_RECEIVE receives',
};
const OPTION_BYTES = 512;

const STATX_ALL = 0x3fff;

/** struct statx: what is the same wherever the file lies; the rest is asked from outside. */
const statx = (view: DataView) =>
  [
    ['mode', view.getUint16(28, true).toString(8)],
    ['uid', view.getUint32(20, true)],
    ['gid', view.getUint32(24, true)],
    ['links', view.getUint32(16, true)],
    ['size', view.getBigUint64(40, true)],
    ['blksize', view.getUint32(4, true)],
    ['attributes', view.getBigUint64(8, true).toString(16)],
    ['rdev', `${view.getUint32(128, true)}:${view.getUint32(132, true)}`],
    ['mask', view.getUint32(0, true).toString(16)],
  ]
    .map(([name, value]) => `${name}=${value}`)
    .join(' ');

const seconds = (at: number) => (view: DataView) => `${view.getBigInt64(at, true)}.${view.getUint32(at + 8, true)}`;

/** Everything that a descriptor can be asked by its number. */
export function askDescriptor(q: Questions, where: string, { fd, socket, lasting }: Looked): void {
  for (const [name, command] of Object.entries(FCNTL)) q.ask(`${where}/${name}`, 'fcntl', fd, command, 0);
  for (const [name, [command, size]] of Object.entries(FCNTL_INTO))
    q.ask(`${where}/${name}`, 'fcntl', fd, command, room(size));
  q.ask(`${where}/position`, 'lseek', fd, 0, SEEK_CUR);
  for (const [name, [request, size]] of Object.entries(IOCTL))
    q.askIfAny(`${where}/ioctl ${name}`, 'ioctl', fd, request, room(size));
  const flags = AT_EMPTY_PATH | AT_STATX_DONT_SYNC;
  const stat = (what: string, show: (view: DataView) => string) =>
    q.ask(
      `${where}/${lasting ? 'statx' : 'statx of the nameless'}/${what}`,
      'statx',
      fd,
      '',
      flags,
      STATX_ALL,
      room(STATX_BYTES, show),
    );
  stat('file', statx);
  stat('atime', seconds(64));
  stat('btime', seconds(80));
  stat('ctime', seconds(96));
  stat('mtime', seconds(112));
  q.ask(
    `${where}/file system`,
    'fstatfs',
    fd,
    room(120, (view) => view.getBigUint64(0, true).toString(16)),
  );
  q.askIfAny(`${where}/extended attributes`, 'flistxattr', fd, room(1024), 1024);
  q.askIfAny(
    `${where}/timerfd interval`,
    'timerfd_gettime',
    fd,
    room(32, (v) => `${v.getBigInt64(0, true)}.${v.getBigInt64(8, true)}`),
  );
  q.askIfAny(
    `${where}/timerfd left`,
    'timerfd_gettime',
    fd,
    room(32, (v) => remaining(v.getBigInt64(16, true) * 1_000_000_000n + v.getBigInt64(24, true))),
  );
  if (socket) askSocket(q, where, fd);
}

function askSocket(q: Questions, where: string, fd: number): void {
  q.askSized(`${where}/getsockname`, 'getsockname', 128, fd);
  q.askSized(`${where}/getpeername`, 'getpeername', 128, fd);
  for (const [name, [level, count]] of Object.entries(SOCKET_LEVELS))
    for (let option = 0; option < count; option++) {
      if (`${name} ${option}` in NOT_READ) continue;
      q.askSized(`${where}/${name} ${option}`, 'getsockopt', OPTION_BYTES, fd, level, option);
    }
}
