import { CritError } from '../../image/errors.js';
import type { SkOptsEntry } from '../../image/generated/messages.js';
import {
  BPF_MAX_INSTRUCTIONS,
  filterBytes,
  NUMBER_OPTIONS,
  SOCK_FPROG,
  SOCK_FPROG_BYTES,
  TIMESTAMP_OPTIONS,
} from '../../kernel/uapi/socket-options.js';
import * as S from '../../kernel/uapi/socket.js';
import type { Batch } from '../../task/batch.js';

const { SOL_SOCKET } = S;
const int = (value: number) => new Uint8Array(Int32Array.of(value).buffer);

/** What setSocketOptions() cannot be given. @param where of the images. @throws CritError BAD_IMAGE */
export function checkSocketOptions(where: string, opts: SkOptsEntry): void {
  const bad = (what: string) => new CritError(`${where}: ${what}`, { code: 'BAD_IMAGE' });
  const length = opts.so_filter?.length ?? 0;
  if (length > BPF_MAX_INSTRUCTIONS)
    throw bad(`so_filter: ${length} instructions: ${BPF_MAX_INSTRUCTIONS} are the most`);
  if (opts.so_timestamp !== undefined && !TIMESTAMP_OPTIONS.includes(opts.so_timestamp))
    throw bad(`so_timestamp: ${opts.so_timestamp} is none of ${TIMESTAMP_OPTIONS.join(', ')}`);
}

/**
 * Sets what differs from a fresh socket. Buffer sizes in the images are twice what is set (socket(7)). The queue must be
 * filled by then: filters, and what is told of a sender, concern what is sent afterwards.
 */
export function setSocketOptions(b: Batch, socket: number, opts: SkOptsEntry): void {
  const set = (option: number, value: Uint8Array) =>
    b.call('setsockopt', socket, SOL_SOCKET, option, value, value.length);
  set(S.SO_SNDBUFFORCE, int(opts.so_sndbuf >>> 1));
  set(S.SO_RCVBUFFORCE, int(opts.so_rcvbuf >>> 1));
  if (opts.so_buf_lock !== undefined) set(S.SO_BUF_LOCK, int(opts.so_buf_lock));
  const flags: [boolean | number | undefined, number][] = [
    [opts.reuseaddr, S.SO_REUSEADDR],
    [opts.so_reuseport, S.SO_REUSEPORT],
    [opts.so_passcred, S.SO_PASSCRED],
    [opts.so_passsec, S.SO_PASSSEC],
    [opts.so_dontroute, S.SO_DONTROUTE],
    [opts.so_no_check, S.SO_NO_CHECK],
    [opts.so_broadcast, S.SO_BROADCAST],
    [opts.so_keepalive, S.SO_KEEPALIVE],
    [opts.so_oobinline, S.SO_OOBINLINE],
    [opts.so_inq, S.SO_INQ],
  ];
  for (const [value, option] of flags) if (value) set(option, int(1));
  if (opts.so_priority) set(S.SO_PRIORITY, int(opts.so_priority));
  if (opts.so_rcvlowat !== undefined && opts.so_rcvlowat !== 1) set(S.SO_RCVLOWAT, int(opts.so_rcvlowat));
  if (opts.so_mark) set(S.SO_MARK, int(opts.so_mark));
  if (opts.so_linger !== undefined) set(S.SO_LINGER, new Uint8Array(Int32Array.of(1, opts.so_linger).buffer));
  const time = (sec: bigint, usec: bigint) => new Uint8Array(BigUint64Array.of(sec, usec).buffer);
  if (opts.so_snd_tmo_sec || opts.so_snd_tmo_usec) set(S.SO_SNDTIMEO, time(opts.so_snd_tmo_sec, opts.so_snd_tmo_usec));
  if (opts.so_rcv_tmo_sec || opts.so_rcv_tmo_usec) set(S.SO_RCVTIMEO, time(opts.so_rcv_tmo_sec, opts.so_rcv_tmo_usec));
  if (opts.so_bound_dev) set(S.SO_BINDTODEVICE, Buffer.from(`${opts.so_bound_dev}\0`, 'latin1'));
  for (const { field, option } of NUMBER_OPTIONS) if (opts[field] !== undefined) set(option, int(Number(opts[field])));
  setTimestamps(opts, set);
  const rate = opts.so_max_pacing_rate;
  if (rate !== undefined) set(S.SO_MAX_PACING_RATE, new Uint8Array(BigUint64Array.of(rate).buffer));
  if (opts.so_txtime_clock !== undefined || opts.so_txtime_flags !== undefined)
    set(S.SO_TXTIME, new Uint8Array(Int32Array.of(opts.so_txtime_clock ?? 0, (opts.so_txtime_flags ?? 0) | 0).buffer));
  if (opts.so_filter?.length) attachFilter(b, socket, opts.so_filter);
  if (opts.so_lock_filter) set(S.SO_LOCK_FILTER, int(1));
}

/** One flag of the kernel's tells whether both kinds of time stamps are new: the last call decides. */
function setTimestamps(opts: SkOptsEntry, set: (option: number, value: Uint8Array) => void): void {
  if (opts.so_timestamping !== undefined) {
    const option = opts.so_timestamping_new ? S.SO_TIMESTAMPING_NEW : S.SO_TIMESTAMPING;
    set(option, new Uint8Array(Int32Array.of(opts.so_timestamping | 0, opts.so_timestamping_phc ?? 0).buffer));
  }
  if (opts.so_timestamp !== undefined) set(opts.so_timestamp, int(1));
}

function attachFilter(b: Batch, socket: number, words: readonly bigint[]): void {
  const code = filterBytes(words);
  b.reserve(1, code.length + SOCK_FPROG_BYTES + 32);
  const instructions = b.bytes(code);
  const program = new DataView(new ArrayBuffer(SOCK_FPROG_BYTES));
  program.setUint16(SOCK_FPROG.len, words.length, true);
  program.setBigUint64(SOCK_FPROG.filter, BigInt(instructions.address), true);
  b.call('setsockopt', socket, SOL_SOCKET, S.SO_ATTACH_FILTER, new Uint8Array(program.buffer), SOCK_FPROG_BYTES);
}
