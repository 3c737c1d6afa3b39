import type { SkOptsEntry } from '../../image/generated/messages.js';
import { ERRNO } from '../../kernel/uapi/errno.js';
import {
  BPF_MAX_INSTRUCTIONS,
  filterWord,
  NUMBER_OPTIONS,
  SOCK_FILTER_BYTES,
  TIMESTAMP_OPTIONS,
} from '../../kernel/uapi/socket-options.js';
import * as S from '../../kernel/uapi/socket.js';
import { sysRaw, SysError } from '../../native/sys.js';
import { ownBatch } from '../../task/own.js';
import type { Description } from './description.js';
import { unsupported } from './unsupported.js';

const { SOL_SOCKET } = S;
/** The longest fixed answer is a struct timeval; a name of an interface (IFNAMSIZ) is as long. */
const VALUE_BYTES = 16;
const NO_LIMIT = 0xffff_ffff_ffff_ffffn;

const NUMBERS: readonly number[] = [
  S.SO_SNDBUF,
  S.SO_RCVBUF,
  S.SO_REUSEADDR,
  S.SO_PRIORITY,
  S.SO_RCVLOWAT,
  S.SO_PASSCRED,
  S.SO_PASSSEC,
  S.SO_DONTROUTE,
  S.SO_NO_CHECK,
  S.SO_REUSEPORT,
  S.SO_BROADCAST,
  S.SO_KEEPALIVE,
  S.SO_OOBINLINE,
  S.SO_BUF_LOCK,
  S.SO_MARK,
  S.SO_LOCK_FILTER,
  ...TIMESTAMP_OPTIONS,
  ...NUMBER_OPTIONS.map(({ option }) => option),
];
/** Options and the bytes that they take. SO_GET_FILTER without room tells how many instructions there are. */
const ASKED: readonly (readonly [option: number, bytes: number])[] = [
  ...NUMBERS.map((option) => [option, 4] as const),
  [S.SO_SNDTIMEO, 16],
  [S.SO_RCVTIMEO, 16],
  [S.SO_LINGER, 8],
  [S.SO_MAX_PACING_RATE, 8],
  [S.SO_TXTIME, 8],
  [S.SO_TIMESTAMPING, 8],
  [S.SO_TIMESTAMPING_NEW, 8],
  [S.SO_BINDTODEVICE, VALUE_BYTES],
  [S.SO_GET_FILTER, 0],
];

/** getsockopt(2) of a number. @throws SysError */
export function getOption(socket: number, option: number, level: number = SOL_SOCKET): number {
  const value = new Int32Array(1);
  const r = sysRaw('getsockopt', socket, level, option, value, Uint32Array.of(4));
  if (r < 0) throw new SysError('getsockopt', -r, `of option ${option}`);
  return value[0]!;
}

/**
 * What all sockets have. Buffer sizes are as getsockopt(2) tells them: twice what was set. 1 batch of crit's own, of some
 * 45 calls.
 * @param socket crit's own descriptor of it
 * @throws CritError UNSUPPORTED, SysError
 */
export function socketOptions(file: Description, socket: number): SkOptsEntry {
  const answers = new Answers(file, socket);
  const int = (option: number) => answers.of(option)?.getInt32(0, true) ?? 0;
  const flag = (option: number) => int(option) !== 0;
  const time = (option: number): [bigint, bigint] => {
    const view = answers.of(option);
    return view ? [view.getBigInt64(0, true), view.getBigInt64(8, true)] : [0n, 0n];
  };
  const [sndSec, sndUsec] = time(S.SO_SNDTIMEO);
  const [rcvSec, rcvUsec] = time(S.SO_RCVTIMEO);
  const opts: SkOptsEntry = {
    so_sndbuf: int(S.SO_SNDBUF),
    so_rcvbuf: int(S.SO_RCVBUF),
    so_snd_tmo_sec: sndSec,
    so_snd_tmo_usec: sndUsec,
    so_rcv_tmo_sec: rcvSec,
    so_rcv_tmo_usec: rcvUsec,
    reuseaddr: flag(S.SO_REUSEADDR),
    so_priority: int(S.SO_PRIORITY),
    so_rcvlowat: int(S.SO_RCVLOWAT),
    so_passcred: flag(S.SO_PASSCRED),
    so_passsec: flag(S.SO_PASSSEC),
    so_dontroute: flag(S.SO_DONTROUTE),
    so_no_check: flag(S.SO_NO_CHECK),
    so_reuseport: flag(S.SO_REUSEPORT),
    so_broadcast: flag(S.SO_BROADCAST),
    so_keepalive: flag(S.SO_KEEPALIVE),
    so_oobinline: int(S.SO_OOBINLINE),
    so_buf_lock: int(S.SO_BUF_LOCK),
  };
  const mark = int(S.SO_MARK);
  if (mark) opts.so_mark = mark >>> 0;
  const linger = answers.of(S.SO_LINGER);
  if (linger?.getInt32(0, true)) opts.so_linger = linger.getInt32(4, true);
  const device = answers.textOf(S.SO_BINDTODEVICE);
  if (device) opts.so_bound_dev = device;
  const filter = filterOf(file, socket, answers.lengthOf(S.SO_GET_FILTER));
  if (filter.length > 0) opts.so_filter = filter;
  return Object.assign(opts, ownFields(answers));
}

/** Fields that CRIU's images do not have. */
function ownFields(answers: Answers): Partial<SkOptsEntry> {
  const numbers: Record<string, number | boolean> = {};
  for (const { field, option, usual, flag } of NUMBER_OPTIONS) {
    const value = answers.of(option)?.getInt32(0, true);
    if (value !== undefined && value !== usual) numbers[field] = flag ? value !== 0 : value;
  }
  const fields: Partial<SkOptsEntry> = numbers;
  if (answers.of(S.SO_LOCK_FILTER)?.getInt32(0, true)) fields.so_lock_filter = true;
  const stamp = TIMESTAMP_OPTIONS.find((option) => answers.of(option)?.getInt32(0, true));
  if (stamp !== undefined) fields.so_timestamp = stamp;
  const stamping = answers.of(S.SO_TIMESTAMPING);
  if (stamping?.getInt32(0, true)) {
    fields.so_timestamping = stamping.getUint32(0, true);
    const clock = stamping.getInt32(4, true);
    if (clock) fields.so_timestamping_phc = clock;
    if (answers.of(S.SO_TIMESTAMPING_NEW)?.getInt32(0, true)) fields.so_timestamping_new = true;
  }
  const rate = answers.of(S.SO_MAX_PACING_RATE)?.getBigUint64(0, true);
  if (rate !== undefined && rate !== NO_LIMIT) fields.so_max_pacing_rate = rate;
  const txtime = answers.of(S.SO_TXTIME);
  const [clock, flags] = txtime ? [txtime.getInt32(0, true), txtime.getUint32(4, true)] : [0, 0];
  if (clock) fields.so_txtime_clock = clock;
  if (flags) fields.so_txtime_flags = flags;
  return fields;
}

/** The classic filter of `n` instructions. */
function filterOf(file: Description, socket: number, n: number): bigint[] {
  if (n === 0) return [];
  if (n > BPF_MAX_INSTRUCTIONS) throw new SysError('getsockopt', ERRNO.EINVAL, `of the filter of ${file.where}`);
  const view = new DataView(new ArrayBuffer(n * SOCK_FILTER_BYTES));
  const r = sysRaw('getsockopt', socket, SOL_SOCKET, S.SO_GET_FILTER, view.buffer, Uint32Array.of(n));
  if (r < 0) throw new SysError('getsockopt', -r, `of the filter of ${file.where}`);
  return Array.from({ length: n }, (_, i) => filterWord(view, i * SOCK_FILTER_BYTES));
}

/** Answers of getsockopt(2). */
class Answers {
  readonly #values: Uint8Array;
  readonly #lengths: DataView;
  /** Where in them; options that this kind of socket has not are not there. */
  readonly #places = new Map<number, number>();

  /** @throws CritError UNSUPPORTED, SysError for whatever fails but an option that there is not */
  constructor(file: Description, socket: number) {
    const b = ownBatch();
    b.reserve(ASKED.length, ASKED.length * (VALUE_BYTES + 4) + 64);
    const values = b.out(ASKED.length * VALUE_BYTES);
    const lengths = b.bytes(new Uint8Array(Uint32Array.from(ASKED, ([, bytes]) => bytes).buffer));
    const results = ASKED.map(([option, bytes], i) =>
      b.tryCall(
        'getsockopt',
        socket,
        SOL_SOCKET,
        option,
        bytes ? values.address + i * VALUE_BYTES : null,
        lengths.address + 4 * i,
      ),
    );
    b.run();
    this.#values = values.bytes;
    this.#lengths = lengths.view;
    ASKED.forEach(([option], i) => {
      const result = results[i]!.value;
      if (result >= 0) this.#places.set(option, i);
      else if (result !== -ERRNO.ENOPROTOOPT && result !== -ERRNO.EOPNOTSUPP) throw failed(file, option, -result);
    });
  }

  /** What an option is; undefined where there is no such option. */
  of(option: number): DataView | undefined {
    const place = this.#places.get(option);
    if (place === undefined) return undefined;
    return new DataView(this.#values.buffer, this.#values.byteOffset + place * VALUE_BYTES, VALUE_BYTES);
  }

  textOf(option: number): string {
    const view = this.of(option);
    if (!view) return '';
    const bytes = Buffer.from(view.buffer, view.byteOffset, Math.min(VALUE_BYTES, this.lengthOf(option)));
    return bytes.toString('latin1').replace(/\0.*/s, '');
  }

  /** How long the kernel says the value is. */
  lengthOf(option: number): number {
    const place = this.#places.get(option);
    return place === undefined ? 0 : this.#lengths.getUint32(4 * place, true);
  }
}

function failed(file: Description, option: number, errno: number): Error {
  // a filter of eBPF cannot be read out of the kernel
  if (option === S.SO_GET_FILTER && errno === ERRNO.EACCES)
    return unsupported(file, 'a socket with a filter of eBPF (SO_ATTACH_BPF)');
  if (option === S.SO_BINDTODEVICE && errno === ERRNO.ENODEV)
    return unsupported(file, 'a socket that is bound to a network interface that is gone');
  return new SysError('getsockopt', errno, `of option ${option} of ${file.where} (${file.link})`);
}
