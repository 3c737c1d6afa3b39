import fc from 'fast-check';
import { describeType, IMAGE_TYPES, type ImageDescription, type ImageType } from '../../src/image/catalogue.js';
import { KIND, messageDef, type FieldDef, type MessageDef } from '../../src/image/message-def.js';

export type AnyMessage = Record<string, unknown>;
export interface AnyEntry {
  message: AnyMessage;
  extra?: unknown;
}
export interface AnyImage {
  type: ImageType;
  entries: AnyEntry[];
}

/** Types that consist of entries. */
export const ENTRY_TYPES: readonly ImageDescription[] = IMAGE_TYPES.filter((d) => d.message !== null);

const within = (low: bigint, high: bigint): fc.Arbitrary<bigint> =>
  fc.oneof(
    fc.constantFrom(
      low,
      high,
      ...[0n, 1n, -1n, 127n, 128n, 0x7fffffffn, 0x80000000n, 0xffffffffn, 1n << 53n].filter(
        (n) => n >= low && n <= high,
      ),
    ),
    fc.bigInt({ min: low, max: high }),
  );

const text = fc.oneof(
  fc.string({ maxLength: 12 }),
  fc.string({ unit: 'binary', maxLength: 6 }),
  fc.constantFrom('', '/', 'a"b\\c', '\u007f\u0000\t\n\u2028', 'ä€😀'),
);

const bytes = fc.oneof(
  fc.uint8Array({ maxLength: 12 }),
  fc.uint8Array({ minLength: 50, maxLength: 130 }),
  // Names of sockets: text with what quoted-printable makes of it.
  fc.string({ maxLength: 120 }).map((s) => Buffer.from(s)),
  fc
    .array(fc.constantFrom('\0', ' ', '\t', '.', '=', 'x', 'name', '/tmp', '\n', '\r\n'), { maxLength: 90 })
    .map((parts) => Buffer.from(parts.join(''))),
);

function scalar(field: FieldDef): fc.Arbitrary<unknown> {
  switch (field.kind) {
    case KIND.string:
      return text;
    case KIND.bytes:
      return bytes;
    case KIND.bool:
      return fc.boolean();
    case KIND.enum:
      return fc.constantFrom(...(field.enumDef?.byNumber.keys() ?? [0]));
    case KIND.uint32:
    case KIND.fixed32:
      return within(0n, 0xffffffffn).map(Number);
    case KIND.int32:
    case KIND.sint32:
    case KIND.sfixed32:
      return within(-0x80000000n, 0x7fffffffn).map(Number);
    case KIND.int64:
    case KIND.sint64:
    case KIND.sfixed64:
      return within(-(1n << 63n), (1n << 63n) - 1n);
    default:
      return within(0n, (1n << 64n) - 1n);
  }
}

/** Sound messages of a kind; fields in `fixed` have that value, undefined for none. */
export function messageOf(
  def: MessageDef,
  fixed: Record<string, fc.Arbitrary<unknown>> = {},
  depth = 0,
): fc.Arbitrary<AnyMessage> {
  const fields: Record<string, fc.Arbitrary<unknown>> = {};
  for (const field of def.fields) {
    const given = fixed[field.name];
    if (given) {
      fields[field.name] = given;
      continue;
    }
    if (field.kind === KIND.message && depth >= 3 && !field.required) continue;
    const one = field.kind === KIND.message ? messageOf(field.message, {}, depth + 1) : scalar(field);
    if (!field.repeated) {
      fields[field.name] = field.required ? one : fc.option(one, { nil: undefined, freq: 2 });
      continue;
    }
    // Addresses are one word or four; anything else the Python crit cannot show.
    const list = field.ip
      ? fc.oneof(fc.array(one, { minLength: 1, maxLength: 1 }), fc.array(one, { minLength: 4, maxLength: 4 }))
      : fc.array(one, { minLength: 1, maxLength: 4 });
    fields[field.name] = fc.option(list, { nil: undefined, freq: 2 });
  }
  return fc
    .record(fields)
    .map((message) => Object.fromEntries(Object.entries(message).filter(([, value]) => value !== undefined)));
}

const smallBytes = (maxLength: number): fc.Arbitrary<Uint8Array> =>
  fc.oneof(fc.uint8Array({ maxLength: 20 }), fc.uint8Array({ maxLength }));

function plainEntry(d: ImageDescription): fc.Arbitrary<AnyEntry> {
  const def = messageDef(d.message!);
  const sized = (name: string, big: boolean): fc.Arbitrary<AnyEntry> =>
    smallBytes(300).chain((extra) =>
      messageOf(def, { [name]: fc.constant(big ? BigInt(extra.length) : extra.length) }).map((message) => ({
        message,
        extra,
      })),
    );
  switch (d.payload) {
    case 'pipe':
      return sized('bytes', false);
    case 'packet':
      return sized('length', false);
    case 'shm':
      return fc.boolean().chain((inPagemaps) =>
        inPagemaps
          ? messageOf(def, { in_pagemaps: fc.constant(true) }).map((message) => ({
              message,
              extra: new Uint8Array(0),
            }))
          : smallBytes(300).chain((extra) =>
              messageOf(def, {
                size: fc.constant(BigInt(extra.length)),
                in_pagemaps: fc.constantFrom(undefined, false),
              }).map((message) => ({ message, extra })),
            ),
      );
    case 'bpf':
      return fc
        .tuple(fc.nat(40), fc.nat(40))
        .chain(([keys, values]) =>
          fc
            .tuple(
              messageOf(def, { keys_bytes: fc.constant(keys), values_bytes: fc.constant(values) }),
              fc.uint8Array({ minLength: keys + values, maxLength: keys + values }),
            )
            .map(([message, extra]) => ({ message, extra })),
        );
    case 'tcp':
      return fc.tuple(smallBytes(200), smallBytes(200)).chain(([inq, outq]) =>
        messageOf(def, { inq_len: fc.constant(inq.length), outq_len: fc.constant(outq.length) }).map((message) => ({
          message,
          extra: { inq, outq },
        })),
      );
    case 'sem':
      return fc
        .uint16Array({ maxLength: 9 })
        .chain((extra) => messageOf(def, { nsems: fc.constant(extra.length) }).map((message) => ({ message, extra })));
    case 'msg':
      return fc.array(smallBytes(100), { maxLength: 3 }).chain((queue) =>
        fc
          .tuple(
            messageOf(def, { qnum: fc.constant(queue.length) }),
            fc.tuple(
              ...queue.map((data) =>
                messageOf(messageDef('ipc_msg'), { msize: fc.constant(data.length) }).map((message) => ({
                  message,
                  data,
                })),
              ),
            ),
          )
          .map(([message, extra]) => ({ message, extra })),
      );
    default:
      return messageOf(def).map((message) => ({ message }));
  }
}

/** Sound images of a type. */
export function imageOf(type: ImageType): fc.Arbitrary<AnyImage> {
  const d = describeType(type);
  const wrap = (entries: fc.Arbitrary<AnyEntry[]>): fc.Arbitrary<AnyImage> =>
    entries.map((list) => ({ type, entries: list }));
  if (d.payload === 'pagemap') {
    const head = messageOf(messageDef('pagemap_head')).map((message): AnyEntry => ({ message }));
    const rest = messageOf(messageDef('pagemap_entry')).map((message): AnyEntry => ({ message }));
    return wrap(fc.tuple(head, fc.array(rest, { maxLength: 4 })).map(([first, others]) => [first, ...others]));
  }
  if (d.payload === 'ghost') {
    const def = messageDef('ghost_file_entry');
    const whole = fc
      .tuple(messageOf(def, { chunks: fc.constantFrom(undefined, false) }), smallBytes(300))
      .map(([message, extra]): AnyEntry[] => [{ message, extra }]);
    const chunk = smallBytes(100).chain((extra) =>
      messageOf(messageDef('ghost_chunk_entry'), { len: fc.constant(BigInt(extra.length)) }).map(
        (message): AnyEntry => ({ message, extra }),
      ),
    );
    const chunked = fc
      .tuple(messageOf(def, { chunks: fc.constant(true) }), fc.array(chunk, { maxLength: 3 }))
      .map(([message, chunks]): AnyEntry[] => [{ message }, ...chunks]);
    return wrap(fc.oneof(whole, chunked));
  }
  return wrap(fc.array(plainEntry(d), { maxLength: 3 }));
}
