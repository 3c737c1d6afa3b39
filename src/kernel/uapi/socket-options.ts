import type { SkOptsEntry } from '../../image/generated/messages.js';
import * as S from './socket.js';

/** An option whose value is one number, and where crit's images keep it: where it is not what a new socket has. */
export interface NumberOption {
  readonly field: keyof SkOptsEntry;
  readonly option: number;
  /** What a new socket has. */
  readonly usual: number;
  readonly flag: boolean;
}

const flag = (field: keyof SkOptsEntry, option: number, usual = 0): NumberOption => ({
  field,
  option,
  usual,
  flag: true,
});
const number = (field: keyof SkOptsEntry, option: number, usual = 0): NumberOption => ({
  field,
  option,
  usual,
  flag: false,
});

/**
 * Options of SOL_SOCKET (asm-generic/socket.h, Linux 6.18) that CRIU has no fields for. docs/sockets.md tells of every
 * option what becomes of it.
 */
export const NUMBER_OPTIONS: readonly NumberOption[] = [
  flag('so_debug', S.SO_DEBUG),
  flag('so_rxq_ovfl', S.SO_RXQ_OVFL),
  flag('so_wifi_status', S.SO_WIFI_STATUS),
  number('so_peek_off', S.SO_PEEK_OFF, -1),
  flag('so_nofcs', S.SO_NOFCS),
  flag('so_select_err_queue', S.SO_SELECT_ERR_QUEUE),
  number('so_busy_poll', S.SO_BUSY_POLL),
  number('so_incoming_cpu', S.SO_INCOMING_CPU, -1),
  flag('so_prefer_busy_poll', S.SO_PREFER_BUSY_POLL),
  flag('so_rcvmark', S.SO_RCVMARK),
  flag('so_passpidfd', S.SO_PASSPIDFD),
  flag('so_rcvpriority', S.SO_RCVPRIORITY),
  flag('so_passrights', S.SO_PASSRIGHTS, 1),
];

/**
 * Options of which one can be set; NEW ones have 64-bit times on every processor. In this order: of SO_TIMESTAMPNS_NEW
 * the kernel tells that SO_TIMESTAMP_NEW is set, too.
 */
export const TIMESTAMP_OPTIONS: readonly number[] = [
  S.SO_TIMESTAMPNS_NEW,
  S.SO_TIMESTAMPNS,
  S.SO_TIMESTAMP_NEW,
  S.SO_TIMESTAMP,
];

/** linux/filter.h: the most instructions of a classic BPF program (BPF_MAXINSNS), and bytes of one. */
export const BPF_MAX_INSTRUCTIONS = 4096;
export const SOCK_FILTER_BYTES = 8;
/** struct sock_fprog */
export const SOCK_FPROG = { len: 0, filter: 8 } as const;
export const SOCK_FPROG_BYTES = 16;

/** A struct sock_filter { u16 code; u8 jt, jf; u32 k; } as the word that CRIU's images have. */
export function filterWord(view: DataView, at: number): bigint {
  const head = (view.getUint16(at, true) << 16) | (view.getUint8(at + 2) << 8) | view.getUint8(at + 3);
  return (BigInt(head >>> 0) << 32n) | BigInt(view.getUint32(at + 4, true));
}

/** The instructions of a program out of such words. */
export function filterBytes(words: readonly bigint[]): Uint8Array {
  const view = new DataView(new ArrayBuffer(words.length * SOCK_FILTER_BYTES));
  words.forEach((word, i) => {
    const at = i * SOCK_FILTER_BYTES;
    const head = Number(word >> 32n);
    view.setUint16(at, head >>> 16, true);
    view.setUint8(at + 2, (head >>> 8) & 0xff);
    view.setUint8(at + 3, head & 0xff);
    view.setUint32(at + 4, Number(word & 0xffffffffn), true);
  });
  return new Uint8Array(view.buffer);
}
