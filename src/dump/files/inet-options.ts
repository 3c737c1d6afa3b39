import { closeSync } from 'node:fs';
import type { InetSkEntry } from '../../image/generated/messages.js';
import { inetOptions, type InetOption, type OptionsMessage } from '../../kernel/uapi/inet.js';
import { SOCK_CLOEXEC } from '../../kernel/uapi/socket.js';
import { sys, SysError } from '../../native/sys.js';
import { ownBatch } from '../../task/own.js';
import type { Description } from './description.js';

/** The longest is a routing header of IPv6 (IPV6_RTHDR). */
const VALUE_BYTES = 2048;
const INT_BYTES = 4;

/** The value of an option, or -errno where a socket does not have it (now). */
type Value = Uint8Array | number;

/** Options of IP, TCP and UDP, by the message of the image that has them. */
export type InetOptions = Pick<InetSkEntry, Exclude<OptionsMessage, 'opts'>> & {
  readonly opts: Partial<InetSkEntry['opts']>;
};

/** Asks sockets for their options, and compares them with those of a new socket of the same kind. */
export class InetOptionReader {
  readonly #new = new Map<string, readonly Value[]>();

  /**
   * @param fd crit's own descriptor
   * @param connected TCP: what concerns making a connection says nothing any more
   * @throws SysError
   */
  of(
    file: Description,
    fd: number,
    kind: { readonly family: number; readonly type: number; readonly proto: number },
    connected: boolean,
  ): InetOptions {
    const { family, type, proto } = kind;
    const options = inetOptions(family, type, proto);
    const values = askOptions(options, fd);
    const usual = this.#usual(options, family, type, proto);
    const messages: Record<string, Record<string, unknown>> = { opts: {}, ip_opts: {}, tcp_opts: {} };
    options.forEach((row, i) => {
      const value = values[i]!;
      const other = usual[i]!;
      if (typeof value === 'number') {
        // of a state of the socket, or of a kernel that does not know it
        if (typeof other !== 'number' && !row.unconnected)
          throw new SysError('getsockopt', -value, `of option ${row.option} of ${file.where} (${file.link})`);
        return;
      }
      if (row.unconnected && connected) return;
      if (row.criu ? isZero(value) : typeof other !== 'number' && Buffer.compare(value, other) === 0) return;
      (messages[row.message] ??= {})[row.field] = decoded(row, value);
    });
    const { raw, ...found } = messages;
    if (raw) found['ip_opts']!['raw'] = raw;
    return found as unknown as InetOptions;
  }

  #usual(options: readonly InetOption[], family: number, type: number, proto: number): readonly Value[] {
    const key = `${family} ${type} ${proto}`;
    let values = this.#new.get(key);
    if (!values) {
      const fd = sys('socket', family, type | SOCK_CLOEXEC, proto);
      try {
        values = askOptions(options, fd);
      } finally {
        closeSync(fd);
      }
      this.#new.set(key, values);
    }
    return values;
  }
}

const isZero = (value: Uint8Array) => value.every((byte) => byte === 0);

function decoded({ kind }: InetOption, value: Uint8Array): unknown {
  const view = new DataView(value.buffer, value.byteOffset, value.byteLength);
  switch (kind) {
    case 'flag':
      return view.getInt32(0, true) !== 0;
    case 'int':
      return view.getUint32(0, true);
    case 'sint':
      return view.getInt32(0, true);
    case 'text':
      return Buffer.from(value).toString('latin1').replace(/\0.*/s, '');
    case 'words':
      return Array.from({ length: value.length >> 2 }, (_, i) => view.getUint32(4 * i, true));
    case 'bytes':
      return value;
  }
}

/** 1 batch of crit's own, of some 40 calls. */
function askOptions(options: readonly InetOption[], fd: number): readonly Value[] {
  const b = ownBatch();
  const sizes = options.map(({ kind }) =>
    kind === 'flag' || kind === 'int' || kind === 'sint' ? INT_BYTES : VALUE_BYTES,
  );
  const total = sizes.reduce((sum, size) => sum + size, 0);
  b.reserve(options.length, total + options.length * INT_BYTES + 64);
  const values = b.out(total);
  const lengths = b.bytes(new Uint8Array(Uint32Array.from(sizes).buffer));
  let at = 0;
  const asked = options.map(({ level, option }, i) => {
    const start = at;
    at += sizes[i]!;
    const result = b.tryCall('getsockopt', fd, level, option, values.address + start, lengths.address + INT_BYTES * i);
    return { result, start };
  });
  b.run();
  return asked.map(({ result, start }, i) => {
    if (result.value < 0) return result.value;
    const length = Math.min(sizes[i]!, lengths.view.getUint32(INT_BYTES * i, true));
    return values.bytes.slice(start, start + length);
  });
}
