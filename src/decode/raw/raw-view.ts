import type { RawImageType } from '../../image/catalogue.js';
import { dumpMagicOf } from './dump-magic.js';
import { decodeNetlink } from './netlink.js';
import { PageCounter } from './page-count.js';
import type { Damage, RawValue } from './raw-value.js';
import { RAW_FORMAT, type RawFormat } from './recognise.js';
import { listTarGz } from './tar-listing.js';

/** What a raw image says, by field names; the bytes themselves are not in it, but for text. */
export interface RawView {
  readonly type: RawImageType;
  readonly format: RawFormat;
  readonly fields: Readonly<Record<string, RawValue>>;
  /** Empty for a sound image. The fields then hold all of it, else what was sound. */
  readonly damage: readonly Damage[];
  /** The fields are the bytes, told in another way: `raw.data` need not be kept beside them. */
  readonly complete: boolean;
}

/** A netlink dump or a rule set is kilobytes; a file beyond this is none, whatever it is called. */
export const MAX_WHOLE_BYTES = 64 * 1024 * 1024;

/** Raw files that may well be empty: tools that had nothing to save, dumps without entries. */
const MAY_BE_EMPTY: ReadonlySet<RawImageType> = new Set([
  'IPTABLES',
  'IP6TABLES',
  'NFTABLES',
  'NETNF_CT',
  'NETNF_EXP',
  'PAGES',
]);

function viewNetlink(type: RawImageType, bytes: Buffer): RawView {
  const { messages, damage } = decodeNetlink(bytes, dumpMagicOf(type));
  return { type, format: 'netlink', fields: { messages }, damage, complete: false };
}

function viewText(type: RawImageType, bytes: Buffer): RawView {
  const text = bytes.toString('utf8');
  const complete = Buffer.from(text, 'utf8').equals(bytes);
  return { type, format: 'text', fields: { text }, damage: [], complete };
}

async function viewTarGz(
  type: RawImageType,
  chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
): Promise<RawView> {
  const { entries, omitted, damage } = await listTarGz(chunks);
  return { type, format: 'tar.gz', fields: { entries, ...(omitted > 0 ? { omitted } : {}) }, damage, complete: false };
}

async function viewPages(
  type: RawImageType,
  chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
): Promise<RawView> {
  const counter = new PageCounter();
  for await (const chunk of chunks) counter.push(chunk);
  return { type, format: 'pages', fields: { ...counter.summary() }, damage: [], complete: false };
}

/** All bytes; undefined if there are too many. What does not begin with its magic is not read any further. */
async function whole(
  chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  magic: number | undefined,
): Promise<Buffer | undefined> {
  const parts: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of chunks) {
    bytes += chunk.length;
    if (bytes > MAX_WHOLE_BYTES) return undefined;
    parts.push(Uint8Array.from(chunk));
    if (parts.length === 1 && magic !== undefined && chunk.length >= 4) {
      const found = new DataView(chunk.buffer, chunk.byteOffset).getUint32(0, true);
      if (found !== magic) break;
    }
  }
  return Buffer.concat(parts);
}

/**
 * Takes a raw image apart. Pages and archives are read in a stream, memory use does not grow with them.
 * Never throws over what the bytes are; that is in `damage`.
 * @param chunks the file's bytes, in pieces of any size
 */
export async function viewRaw(
  type: RawImageType,
  chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
): Promise<RawView> {
  const format = RAW_FORMAT[type];
  if (format === 'pages') return viewPages(type, chunks);
  if (format === 'tar.gz') return viewTarGz(type, chunks);
  const bytes = await whole(chunks, dumpMagicOf(type));
  if (!bytes) {
    const reason = `more than ${MAX_WHOLE_BYTES} bytes, which no ${type} image has`;
    const fields = format === 'text' ? { text: '' } : { messages: [] };
    // Complete, so that nobody prints the rest of it: the source may have no end.
    return { type, format, fields, damage: [{ offsetBytes: MAX_WHOLE_BYTES, reason }], complete: true };
  }
  if (bytes.length === 0 && !MAY_BE_EMPTY.has(type)) {
    return {
      type,
      format,
      fields: { messages: [] },
      damage: [{ offsetBytes: 0, reason: 'the file is empty' }],
      complete: false,
    };
  }
  return format === 'text' ? viewText(type, bytes) : viewNetlink(type, bytes);
}
