import type { SkOptsEntry } from '../../image/generated/messages.js';
import {
  SO_BROADCAST,
  SO_BUF_LOCK,
  SO_DONTROUTE,
  SO_KEEPALIVE,
  SO_LINGER,
  SO_MARK,
  SO_NO_CHECK,
  SO_OOBINLINE,
  SO_PASSCRED,
  SO_PASSSEC,
  SO_PRIORITY,
  SO_RCVBUF,
  SO_RCVLOWAT,
  SO_RCVTIMEO,
  SO_REUSEADDR,
  SO_REUSEPORT,
  SO_SNDBUF,
  SO_SNDTIMEO,
  SOL_SOCKET,
} from '../../kernel/socket.js';
import { sysRaw } from '../../native/sys.js';

const value = new BigInt64Array(2);
const ints = new Int32Array(value.buffer);
const length = new Uint32Array(1);

/** getsockopt(2) of a number; 0 where this kind of socket has no such option. */
export function getOption(socket: number, option: number): number {
  ints.fill(0);
  length[0] = 4;
  return sysRaw('getsockopt', socket, SOL_SOCKET, option, value, length) < 0 ? 0 : ints[0]!;
}

function getTime(socket: number, option: number): [bigint, bigint] {
  ints.fill(0);
  length[0] = 16;
  return sysRaw('getsockopt', socket, SOL_SOCKET, option, value, length) < 0 ? [0n, 0n] : [value[0]!, value[1]!];
}

/** What all sockets have. Buffer sizes are as getsockopt(2) tells them: twice what was set. */
export function socketOptions(socket: number): SkOptsEntry {
  const flag = (option: number) => getOption(socket, option) !== 0;
  const [sndSec, sndUsec] = getTime(socket, SO_SNDTIMEO);
  const [rcvSec, rcvUsec] = getTime(socket, SO_RCVTIMEO);
  const opts: SkOptsEntry = {
    so_sndbuf: getOption(socket, SO_SNDBUF),
    so_rcvbuf: getOption(socket, SO_RCVBUF),
    so_snd_tmo_sec: sndSec,
    so_snd_tmo_usec: sndUsec,
    so_rcv_tmo_sec: rcvSec,
    so_rcv_tmo_usec: rcvUsec,
    reuseaddr: flag(SO_REUSEADDR),
    so_priority: getOption(socket, SO_PRIORITY),
    so_rcvlowat: getOption(socket, SO_RCVLOWAT),
    so_passcred: flag(SO_PASSCRED),
    so_passsec: flag(SO_PASSSEC),
    so_dontroute: flag(SO_DONTROUTE),
    so_no_check: flag(SO_NO_CHECK),
    so_reuseport: flag(SO_REUSEPORT),
    so_broadcast: flag(SO_BROADCAST),
    so_keepalive: flag(SO_KEEPALIVE),
    so_oobinline: getOption(socket, SO_OOBINLINE),
    so_buf_lock: getOption(socket, SO_BUF_LOCK),
  };
  const mark = getOption(socket, SO_MARK);
  if (mark) opts.so_mark = mark >>> 0;
  ints.fill(0);
  length[0] = 8;
  if (sysRaw('getsockopt', socket, SOL_SOCKET, SO_LINGER, value, length) >= 0 && ints[0]) opts.so_linger = ints[1]!;
  return opts;
}
