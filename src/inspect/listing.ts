import { readdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { openByteSource } from '../image/byte-source.js';
import { imageInfo } from '../decode/image-info.js';
import { HEAD_BYTES, recogniseRaw } from '../decode/raw/recognise.js';
import { rawInfo } from '../decode/raw/raw-info.js';
import { typeOfFileName } from '../image/catalogue.js';
import { CritError, ImageError } from '../image/errors.js';

/** One image of a directory. */
export interface ListedImage {
  readonly name: string;
  /** Name of the type as in the catalogue; undefined if neither name nor content tells it. */
  readonly type: string | undefined;
  /** Entries; pages, messages, members or lines of a raw image. undefined if it is damaged. */
  readonly entries: number | undefined;
  /** Bytes. */
  readonly size: number;
  /** What is wrong with it, if anything is. */
  readonly problem?: string;
  /** The problem is that this user may not read it. */
  readonly unreadable?: boolean;
}

/** Names in the order of people: core-9 before core-10. */
function compareNames(a: string, b: string): number {
  const split = (name: string): string[] => name.split(/(\d+)/);
  const [left, right] = [split(a), split(b)];
  for (let i = 0; i < Math.min(left.length, right.length); i++) {
    const [l = '', r = ''] = [left[i], right[i]];
    if (l === r) continue;
    const numeric = i % 2 === 1 ? Number(l) - Number(r) : 0;
    return numeric !== 0 ? numeric : l < r ? -1 : 1;
  }
  return left.length - right.length;
}

async function listed(dir: string, name: string, size: number): Promise<ListedImage | undefined> {
  const file = path.join(dir, name);
  const byName = typeOfFileName(name)?.type;
  try {
    const source = openByteSource(file);
    try {
      const raw = recogniseRaw(name, source.head(HEAD_BYTES));
      if (raw) return { name, type: raw, entries: (await rawInfo(source, file, raw)).count, size };
      const { magic, count } = imageInfo(source);
      return { name, type: byName ?? magic, entries: count, size };
    } finally {
      source.close();
    }
  } catch (error) {
    // A log, a script, another program's file: no image, and nothing says that it should be one.
    const { code } = error as { code?: unknown };
    if (byName === undefined && (code === 'UNKNOWN_MAGIC' || code === 'NO_ACCESS')) return undefined;
    if (error instanceof CritError || (error as NodeJS.ErrnoException).syscall !== undefined) {
      const problem = error instanceof ImageError ? problemText(error) : (error as Error).message;
      return byName === undefined && error instanceof ImageError && size < 8
        ? undefined
        : { name, type: byName, entries: undefined, size, problem, ...(code === 'NO_ACCESS' && { unreadable: true }) };
    }
    throw error;
  }
}

/** The message without the file's name, which stands beside it. */
function problemText({ reason, entry, offsetBytes, fieldPath }: ImageError): string {
  const where = [
    entry === undefined ? '' : `entry ${entry}`,
    offsetBytes === undefined ? '' : `offset ${offsetBytes}`,
    fieldPath ?? '',
  ];
  const text = where.filter((part) => part !== '').join(', ');
  return text === '' ? reason : `${text}: ${reason}`;
}

/**
 * The images in a directory, by name. Other files (logs, subdirectories) are not in the list; a damaged image is, with
 * its problem.
 */
export async function listImages(dir: string): Promise<readonly ListedImage[]> {
  const out: ListedImage[] = [];
  for (const name of readdirSync(dir).sort(compareNames)) {
    // a link is one of a directory of links: opening it tells whether it may be followed
    const stat = statSync(path.join(dir, name), { throwIfNoEntry: false });
    if (!stat?.isFile()) continue;
    const image = await listed(dir, name, stat.size);
    if (image) out.push(image);
  }
  return out;
}
