import type { RawImageType } from '../../image/catalogue.js';
import type { ByteSource } from '../../image/byte-source.js';
import { damageError } from './print-raw.js';
import { PAGE_BYTES } from './page-count.js';
import { RAW_FORMAT, type RawFormat } from './recognise.js';
import { chunksOf, rereadable } from './rereadable.js';
import { viewRaw } from './raw-view.js';

/** What `crit info` says of a raw image. */
export interface RawInfo {
  readonly magic: RawImageType;
  readonly format: RawFormat;
  /** Messages of a netlink dump, members of an archive, lines of a text, whole pages. */
  readonly count: number;
  readonly size: number;
}

const lines = (text: string): number => text.split('\n').length - (text.endsWith('\n') || text === '' ? 1 : 0);

/**
 * Counts what is in a raw image; pages are counted by the size of the file alone.
 * @param given the path or descriptor that `source` was opened from
 * @throws ImageError if it is damaged
 */
export async function rawInfo(source: ByteSource, given: string | number, type: RawImageType): Promise<RawInfo> {
  const format = RAW_FORMAT[type];
  if (format === 'pages') {
    let size = source.sizeBytes ?? 0;
    if (size === 0) for (const chunk of chunksOf(source)) size += chunk.length;
    return { magic: type, format, count: Math.floor(size / PAGE_BYTES), size };
  }
  const bytes = rereadable(source, given);
  const result = (count: number): RawInfo => ({ magic: type, format, count, size: bytes.sizeBytes() });
  const { fields, damage } = await viewRaw(type, bytes.chunks());
  if (damage[0]) throw damageError(source.name, damage[0]);
  const { messages, entries, omitted, text } = fields;
  if (typeof text === 'string') return result(lines(text));
  const list = (messages ?? entries ?? []) as readonly unknown[];
  return result(list.length + Number(omitted ?? 0));
}
