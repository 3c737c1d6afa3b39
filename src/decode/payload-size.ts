import type { PayloadKind } from '../image/catalogue.js';
import type { Message } from './decode-message.js';

/** What follows a message whose payload is plain bytes. */
export interface PayloadSize {
  /** Lengths in the order of the bytes (two for the queues of a TCP socket). */
  readonly partsBytes: readonly number[];
  /** Multiple to which the whole is padded. */
  readonly alignBytes: number;
  /** The field that tells, for errors. */
  readonly field: string;
}

const number = (value: unknown): number => (typeof value === 'bigint' || typeof value === 'number' ? Number(value) : 0);

/** Size of the payload that a message announces; undefined for kinds without or with a structure of their own (`msg`). */
export function payloadSize(kind: PayloadKind, message: Message): PayloadSize | undefined {
  const size = (field: string, partsBytes: readonly number[], alignBytes = 1): PayloadSize => ({
    field,
    partsBytes,
    alignBytes,
  });
  switch (kind) {
    case 'pipe':
      return size('bytes', [number(message['bytes'])]);
    case 'packet':
      return size('length', [number(message['length'])]);
    case 'tcp':
      return size('inq_len, outq_len', [number(message['inq_len']), number(message['outq_len'])]);
    case 'sem':
      return size('nsems', [2 * number(message['nsems'])], 8);
    case 'shm':
      // Since CRIU 3.13 the content is in a pagemap-shmem image instead.
      return size('size', [message['in_pagemaps'] === true ? 0 : number(message['size'])], 4);
    case 'bpf':
      return size('keys_bytes, values_bytes', [number(message['keys_bytes']) + number(message['values_bytes'])]);
    default:
      return undefined;
  }
}

/** Bytes of padding after `size` bytes. */
export const paddingBytes = (size: number, alignBytes: number): number =>
  (alignBytes - (size % alignBytes)) % alignBytes;

/** The required fields of a message that tell how much follows it. */
export function sizeFields(kind: PayloadKind, entry: number): readonly string[] {
  const fields: Partial<Record<PayloadKind, readonly string[]>> = {
    ghost: entry > 0 ? ['len'] : [],
    pipe: ['bytes'],
    packet: ['length'],
    tcp: ['inq_len', 'outq_len'],
    sem: ['nsems'],
    msg: ['qnum'],
    shm: ['size'],
    bpf: ['keys_bytes', 'values_bytes'],
  };
  return fields[kind] ?? [];
}
