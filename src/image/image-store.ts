/** A file that can be read at any place. */
export interface StoredFile extends Disposable {
  /** As it is called in messages. */
  readonly name: string;
  readonly sizeBytes: number;
  /**
   * Reads at least one byte unless at the end.
   * @returns how many bytes were put to target[offset...]; 0: `position` is at or behind the end @throws ImageError UNREADABLE
   */
  read(target: Uint8Array, offset: number, length: number, position: number): number;
}

/** Where a set of images lies: a directory, or an archive that nobody unpacks. */
export interface ImageStore {
  /** Names and sizes of the files in it, without those in directories below, sorted by name. */
  files(): readonly { readonly name: string; readonly sizeBytes: number }[];
  /** What a file of that name is called in messages, whether it is there or not. */
  pathOf(name: string): string;
  /** @throws ImageError NO_IMAGE when it is not there, and as openRegularFile */
  open(name: string): StoredFile;
  has(name: string): boolean;
}

const PIECE_BYTES = 1 << 20;

/** All bytes of a file, from front to back. A piece is good until the next one is asked for. */
export function* piecesOf(file: StoredFile): Generator<Uint8Array> {
  const piece = new Uint8Array(Math.min(PIECE_BYTES, file.sizeBytes));
  for (let at = 0; at < file.sizeBytes;) {
    const got = file.read(piece, 0, piece.length, at);
    if (got === 0) return;
    yield piece.subarray(0, got);
    at += got;
  }
}

/** Reads bytes at a place. @returns fewer than `length` only at the end of the file */
export function readAt(file: StoredFile, position: number, length: number): Uint8Array {
  const bytes = new Uint8Array(Math.max(0, Math.min(length, file.sizeBytes - position)));
  let at = 0;
  while (at < bytes.length) {
    const got = file.read(bytes, at, bytes.length - at, position + at);
    if (got === 0) break;
    at += got;
  }
  return bytes.subarray(0, at);
}
