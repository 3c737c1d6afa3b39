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
  SO_RCVBUFFORCE,
  SO_RCVLOWAT,
  SO_RCVTIMEO,
  SO_REUSEADDR,
  SO_REUSEPORT,
  SO_SNDBUFFORCE,
  SO_SNDTIMEO,
  SOL_SOCKET,
} from '../../kernel/socket.js';
import type { Batch } from '../../task/batch.js';

const int = (value: number) => new Uint8Array(Int32Array.of(value).buffer);

/** Sets what differs from a fresh socket. Buffer sizes in the images are twice what is set (socket(7)). */
export function setSocketOptions(b: Batch, socket: number, opts: SkOptsEntry): void {
  const set = (option: number, value: Uint8Array) =>
    b.call('setsockopt', socket, SOL_SOCKET, option, value, value.length);
  set(SO_SNDBUFFORCE, int(opts.so_sndbuf >>> 1));
  set(SO_RCVBUFFORCE, int(opts.so_rcvbuf >>> 1));
  if (opts.so_buf_lock !== undefined) set(SO_BUF_LOCK, int(opts.so_buf_lock));
  const flags: [boolean | number | undefined, number][] = [
    [opts.reuseaddr, SO_REUSEADDR],
    [opts.so_reuseport, SO_REUSEPORT],
    [opts.so_passcred, SO_PASSCRED],
    [opts.so_passsec, SO_PASSSEC],
    [opts.so_dontroute, SO_DONTROUTE],
    [opts.so_no_check, SO_NO_CHECK],
    [opts.so_broadcast, SO_BROADCAST],
    [opts.so_keepalive, SO_KEEPALIVE],
    [opts.so_oobinline, SO_OOBINLINE],
  ];
  for (const [value, option] of flags) if (value) set(option, int(1));
  if (opts.so_priority) set(SO_PRIORITY, int(opts.so_priority));
  if (opts.so_rcvlowat !== undefined && opts.so_rcvlowat !== 1) set(SO_RCVLOWAT, int(opts.so_rcvlowat));
  if (opts.so_mark) set(SO_MARK, int(opts.so_mark));
  if (opts.so_linger !== undefined) set(SO_LINGER, new Uint8Array(Int32Array.of(1, opts.so_linger).buffer));
  const time = (sec: bigint, usec: bigint) => new Uint8Array(BigUint64Array.of(sec, usec).buffer);
  if (opts.so_snd_tmo_sec || opts.so_snd_tmo_usec) set(SO_SNDTIMEO, time(opts.so_snd_tmo_sec, opts.so_snd_tmo_usec));
  if (opts.so_rcv_tmo_sec || opts.so_rcv_tmo_usec) set(SO_RCVTIMEO, time(opts.so_rcv_tmo_sec, opts.so_rcv_tmo_usec));
}
