import { openImageReader } from '../../decode/image-reader.js';
import { imageFileName, type EntryImageType, type ImageType } from '../../image/catalogue.js';
import { ByteSource } from '../../image/byte-source.js';
import type { StoredFile } from '../../image/image-store.js';
import { messageAt } from '../../image/message-def.js';
import type { ImageId } from '../../encode/image-dir.js';
import type { TolerantImages } from '../tolerant-images.js';
import { isSetAside } from './set-aside.js';
import { bytesText, compareLists, compareTrees, treeOf, type Change, type Tree } from './tree.js';

/** Compared process by process, or page by page, or a measure of the dump. */
const ELSEWHERE = new Set<ImageType>([
  'PSTREE', 'CORE', 'IDS', 'MM', 'VMAS', 'FDINFO', 'FS', 'FILES', 'PAGEMAP', 'SHMEM_PAGEMAP', 'PAGES', 'PAGES_OLD', 'STATS', 'RLIMIT',
]); // prettier-ignore
/** Files may be as large as disks: their bytes are compared, and not told. */
const AS_BYTES = new Set<ImageType>(['GHOST_FILE']);
/** More entries are not put in order. */
const MAX_ENTRIES = 200_000;
const PIECE_BYTES = 1 << 20;

/** What follows a message, as text. */
function extraText(extra: unknown): string {
  if (extra instanceof Uint8Array) return bytesText(extra);
  if (extra instanceof Uint16Array) return [...extra].join(' ');
  if (Array.isArray(extra)) return extra.map((one: { data?: unknown }) => extraText(one.data)).join(', ');
  return Object.entries(extra as object)
    .map(([name, value]) => `${name} ${extraText(value)}`)
    .join(', ');
}

/** The entries of an image as trees. @param exact with all numbers */
export function entryTrees(file: StoredFile, type: ImageType | undefined, exact: boolean): Tree[] {
  using reader = openImageReader(new ByteSource({ stored: file }), type === undefined ? {} : { type });
  const out: Tree[] = [];
  let index = 0;
  for (const { message, extra } of reader) {
    if (out.length === MAX_ENTRIES) break;
    const tree = treeOf(message, messageAt(reader.description, index++), exact ? () => false : isSetAside);
    if ((extra as unknown) !== undefined) tree.set('data', extraText(extra));
    out.push(tree);
  }
  return out;
}

/** Whether two files have the same bytes. */
export function sameBytes(one: StoredFile, other: StoredFile): boolean {
  if (one.sizeBytes !== other.sizeBytes) return false;
  const [a, b] = [Buffer.allocUnsafe(PIECE_BYTES), Buffer.allocUnsafe(PIECE_BYTES)];
  const fill = (file: StoredFile, buffer: Buffer, at: number): number => {
    let filled = 0;
    for (let got = 1; got > 0 && filled < buffer.length; filled += got)
      got = file.read(buffer, filled, buffer.length - filled, at + filled);
    return filled;
  };
  for (let at = 0; at < one.sizeBytes;) {
    const [left, right] = [fill(one, a, at), fill(other, b, at)];
    if (left !== right || left === 0 || Buffer.compare(a.subarray(0, left), b.subarray(0, right)) !== 0)
      return left === right && left === 0;
    at += left;
  }
  return true;
}

function changesOf(left: TolerantImages, right: TolerantImages, type: ImageType, id: ImageId | undefined): Change[] {
  const raw = imageFileName(type, id);
  const [one, other] = [left, right].map((images) =>
    images.has(type, id) ? images.attempt(() => images.open(type, id)) : undefined,
  );
  using a = one;
  using b = other;
  if (!a || !b) return [{ path: '', before: a && `${a.sizeBytes} bytes`, after: b && `${b.sizeBytes} bytes` }];
  if (sameBytes(a, b)) return [];
  const isRaw = messageless(type);
  if (isRaw || AS_BYTES.has(type))
    return [{ path: raw, before: `${a.sizeBytes} bytes`, after: `${b.sizeBytes} bytes, others` }];
  const trees = [left, right].map((images) =>
    images.attempt(() => entryTrees(images.open(type, id), type as EntryImageType, false)),
  );
  const [before, after] = trees;
  return before && after ? [...compareLists(before, after, 'entry')] : [];
}

const messageless = (type: ImageType): boolean =>
  /^(IFADDR|ROUTE6?|RULE|IP6?TABLES|NFTABLES|TMPFS_(IMG|DEV)|NETNF_(CT|EXP))$/.test(type);

/** Compares what is no process's, image by image: sockets' queues, pipes' contents, mounts, IPC, networks. */
export function compareImages(left: TolerantImages, right: TolerantImages): Record<string, Change[]> {
  const out: Record<string, Change[]> = {};
  const files = new Map(
    [left, right].flatMap((images) => images.attempt(() => images.list()) ?? []).map((one) => [one.file, one]),
  );
  for (const [name, { type, id }] of [...files].sort(([a], [b]) => (a < b ? -1 : 1))) {
    if (ELSEWHERE.has(type)) continue;
    const changes = changesOf(left, right, type, id);
    if (changes.length > 0) out[name] = changes;
  }
  return out;
}

/**
 * Compares two images by their fields. @param options.exact with the numbers that a dump makes up, and with the order
 * @throws ImageError when one is none
 */
export function diffImages(
  before: StoredFile,
  after: StoredFile,
  { exact = false }: { readonly exact?: boolean } = {},
): readonly Change[] {
  const [left, right] = [entryTrees(before, undefined, exact), entryTrees(after, undefined, exact)];
  if (!exact) return [...compareLists(left, right, 'entry')];
  const byIndex = (trees: readonly Tree[]) => new Map(trees.map((tree, i) => [`entry[${i}]`, tree]));
  return [...compareTrees(byIndex(left), byIndex(right))];
}
