/** A remaining time: two of them differ by what has passed between. */
const TIME = /^time:(-?\d+)$/;

/** Everything that was asked of a tree at one moment. */
export class Facts {
  /** "process 7/thread 8/status/SigBlk" and what it was. */
  readonly values = new Map<string, string>();
  /** Of each mapping with private pages: a digest of each page that is not all zeros, by address. */
  readonly pages = new Map<string, Map<number, string>>();
  /** When asking began and ended: for times that pass, ms. */
  readonly begunMs = performance.now();
  doneMs = 0;
  readonly #names = new Map<string, number>();

  add(where: string, value: string | number | bigint): void {
    this.values.set(where, String(value));
  }

  /** A fact that there may be several of, which have no order. */
  addAll(where: string, values: readonly string[]): void {
    [...values].sort().forEach((value, i) => this.add(`${where} #${i + 1}`, value));
  }

  /**
   * A name for an object that has none of its own (a pipe, a socket, a deleted file): the how manieth it is in the order
   * of asking. Two objects that are one before must be one afterwards.
   */
  nameless(key: string): string {
    let number = this.#names.get(key);
    if (number === undefined) this.#names.set(key, (number = this.#names.size + 1));
    return `nameless ${number}`;
  }
}

/** A time until something happens, in ns: compared with what has passed. */
export const remaining = (ns: bigint | number) => `time:${ns}`;

/** The time that a value tells, ns. */
export function timeOf(value: string | undefined): bigint | undefined {
  const time = TIME.exec(value ?? '');
  return time ? BigInt(time[1]!) : undefined;
}

/** Bytes as hex, without the zeros at their end. */
export function hex(bytes: Uint8Array): string {
  let end = bytes.length;
  while (end > 0 && bytes[end - 1] === 0) end--;
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, end).toString('hex');
  return end === bytes.length ? text : `${text}00...`;
}
