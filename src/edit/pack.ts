import { createHash } from 'node:crypto';
import { constants } from 'node:zlib';
import { Gzip, ZstdCompress } from 'minizlib';
import { Header } from 'tar';
import { CritError } from '../image/errors.js';
import { piecesOf, readAt } from '../image/image-store.js';
import type { Checkpoint } from '../inspect/checkpoint.js';
import { EditedSet, type MakeBytes } from './edited-set.js';

const BLOCK = 512;
/** The first member of a packed set: names, sizes and hashes of the others. */
export const INDEX = 'crit-index.json';
/** A longer index is none. */
const MAX_INDEX_BYTES = 64 << 20;

/** What the index tells. */
interface Index {
  readonly version: 1;
  readonly files: readonly { readonly name: string; readonly size: number; readonly sha256: string }[];
}

export type PackedAs = 'tar' | 'gzip' | 'zstd';

/** How a file of this name is packed. @throws CritError BAD_ARGUMENT, MISSING_FEATURE when this Node has no zstd */
export function packedAs(file: string): PackedAs {
  if (/\.tar$/.test(file)) return 'tar';
  if (/\.(tar\.gz|tgz)$/.test(file)) return 'gzip';
  if (!/\.(tar\.zst|tzst)$/.test(file))
    throw new CritError(`${file}: its name tells how it is packed: .tar, .tar.gz or .tar.zst`, {
      code: 'BAD_ARGUMENT',
    });
  if ('ZSTD_c_compressionLevel' in constants) return 'zstd';
  throw new CritError(`${file}: this Node (${process.version}) has no zstd, which comes with 22.15: name a .tar.gz`, {
    code: 'MISSING_FEATURE',
  });
}

/** A compressor, or nothing of the kind: what it makes goes to `write`. */
function packer(
  as: PackedAs,
  write: (bytes: Uint8Array) => void,
): { push: (bytes: Uint8Array) => void; end: () => void } {
  if (as === 'tar') return { push: write, end: () => undefined };
  const stream = as === 'gzip' ? new Gzip({}) : new ZstdCompress({});
  stream.on('data', (bytes: Buffer) => {
    write(bytes);
  });
  stream.on('error', (error) => {
    throw error;
  });
  return {
    // a stream of this kind may keep what it is given
    push: (bytes) => stream.write(Buffer.from(bytes)),
    end: () => stream.end(),
  };
}

function header(name: string, size: number, mtime: Date): Uint8Array {
  const block = Buffer.alloc(BLOCK);
  const made = new Header({ path: name, size, mode: 0o600, type: 'File', mtime, uid: 0, gid: 0 });
  if (made.encode(block)) throw new CritError(`${name} is too long a name for an archive`, { code: 'BAD_ARGUMENT' });
  return block;
}

const padding = (size: number): Uint8Array => new Uint8Array((BLOCK - (size % BLOCK)) % BLOCK);

/**
 * Packs the images of a checkpoint, with an index of their hashes. They are read twice: the index comes first.
 * @returns how many files there are, and their bytes before packing
 */
export function pack(
  checkpoint: Checkpoint,
  as: PackedAs,
  write: (bytes: Uint8Array) => void,
): { files: number; bytes: number } {
  const { store } = checkpoint.images;
  const files = store.files().map(({ name }) => {
    using file = store.open(name);
    const hash = createHash('sha256');
    for (const piece of piecesOf(file)) hash.update(piece);
    return { name, size: file.sizeBytes, sha256: hash.digest('hex') };
  });
  const index = Buffer.from(`${JSON.stringify({ version: 1, files } satisfies Index, null, 1)}\n`);
  const out = packer(as, write);
  const now = new Date();
  out.push(header(INDEX, index.length, now));
  out.push(index);
  out.push(padding(index.length));
  for (const { name, size, sha256 } of files) {
    using file = store.open(name);
    const hash = createHash('sha256');
    out.push(header(name, size, now));
    for (const piece of piecesOf(file)) {
      hash.update(piece);
      out.push(piece);
    }
    if (hash.digest('hex') !== sha256)
      throw new CritError(`${file.name} changed while it was being packed: pack again`, { code: 'SET_CHANGED' });
    out.push(padding(size));
  }
  out.push(new Uint8Array(2 * BLOCK));
  out.end();
  return { files: files.length, bytes: files.reduce((sum, { size }) => sum + size, 0) };
}

function indexOf({ images }: Checkpoint): Index {
  using file = images.store.open(INDEX);
  const damaged = (why: string) =>
    new CritError(`${file.name}: ${why}: the archive is damaged`, { code: 'BAD_ARCHIVE' });
  if (file.sizeBytes > MAX_INDEX_BYTES) throw damaged('it is too large');
  let index: Partial<Index> | null;
  try {
    index = JSON.parse(Buffer.from(readAt(file, 0, file.sizeBytes)).toString()) as Partial<Index> | null;
  } catch (error) {
    throw damaged(`it is no JSON: ${(error as Error).message}`);
  }
  if (index?.version !== 1 || !Array.isArray(index.files)) throw damaged('it is none that this crit knows');
  return index as Index;
}

/**
 * What a packed set is unpacked to: each file is compared with the index while it is written.
 * @throws CritError BAD_ARCHIVE at once when files are missing or more than they should be, and when a hash differs
 */
export function unpack(checkpoint: Checkpoint): EditedSet {
  const { images } = checkpoint;
  const set = new EditedSet(checkpoint);
  if (!images.store.has(INDEX)) return set; // an archive that was not packed by crit
  const { files } = indexOf(checkpoint);
  set.remove(INDEX);
  const damaged = (name: string, why: string) =>
    new CritError(`${images.store.pathOf(name)}: ${why}: the archive is damaged`, { code: 'BAD_ARCHIVE' });
  const known = new Set(files.map(({ name }) => name));
  for (const name of set.files.keys()) if (!known.has(name)) throw damaged(name, 'the index does not have it');
  for (const { name, size, sha256 } of files) {
    if (!set.files.has(name)) throw damaged(name, 'it is missing');
    const make: MakeBytes = (write) => {
      using file = images.store.open(name);
      const hash = createHash('sha256');
      for (const piece of piecesOf(file)) {
        hash.update(piece);
        write(piece);
      }
      if (file.sizeBytes !== size || hash.digest('hex') !== sha256) throw damaged(name, 'it is not what was packed');
    };
    set.copy(name, make);
  }
  return set;
}
