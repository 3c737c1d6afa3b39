import { closeSync, fstatSync, openSync, readSync, constants } from 'node:fs';
import { badArgument } from './bad-argument.js';
import type { StoredFile } from './image-store.js';
import { openRegularFile } from './regular-file.js';
import { notAFile, unreadable } from './unreadable.js';

/** Where bytes come from: a file's path, bytes in memory, or an open descriptor (which may be a pipe). */
export type Source = string | Uint8Array | { readonly fd: number; readonly name?: string } | ByteSource;

/** A descriptor of our own under another name: a pipe is as good as a file there (`crit show <(zcat x)`). */
const DESCRIPTOR_PATH = /^\/(dev\/(stdin|fd\/\d+)|proc\/self\/fd\/\d+)$/;

/** Waits for a pipe that is in non-blocking mode and empty. */
const idle = (): void => {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5);
};

/** Bytes, read from the front. */
export class ByteSource {
  readonly name: string | undefined;
  /** Size of all, when it is known beforehand. */
  readonly sizeBytes: number | undefined;
  readonly #bytes: Uint8Array | undefined;
  readonly #stored: StoredFile | undefined;
  readonly #fd: number | undefined;
  readonly #owned: boolean;
  #at = 0;
  #closed = false;
  /** Read ahead by head(). */
  #ahead: Uint8Array = new Uint8Array(0);

  constructor(
    from:
      { bytes: Uint8Array } | { stored: StoredFile } | { fd: number; owned: boolean; sizeBytes?: number | undefined },
    name?: string,
  ) {
    this.name = name;
    if ('stored' in from) {
      this.#stored = from.stored;
      this.name ??= from.stored.name;
      this.sizeBytes = from.stored.sizeBytes;
      this.#owned = true;
    } else if ('bytes' in from) {
      this.#bytes = from.bytes;
      this.sizeBytes = from.bytes.length;
      this.#owned = false;
    } else {
      this.#fd = from.fd;
      this.#owned = from.owned;
      this.sizeBytes = from.sizeBytes;
    }
  }

  /** Reads at least one byte unless at the end. @returns how many bytes were put to target[offset...]; 0: the end */
  read(target: Uint8Array, offset: number, length: number): number {
    if (length === 0) return 0;
    if (this.#ahead.length > 0) {
      const some = this.#ahead.subarray(0, length);
      target.set(some, offset);
      this.#ahead = this.#ahead.subarray(some.length);
      return some.length;
    }
    return this.#readMore(target, offset, length);
  }

  #readMore(target: Uint8Array, offset: number, length: number): number {
    if (this.#bytes) {
      const some = this.#bytes.subarray(this.#at, this.#at + length);
      target.set(some, offset);
      this.#at += some.length;
      return some.length;
    }
    if (this.#stored) {
      const got = this.#stored.read(target, offset, length, this.#at);
      this.#at += got;
      return got;
    }
    if (this.#fd === undefined) return 0;
    for (;;) {
      try {
        return readSync(this.#fd, target, offset, length, null);
      } catch (error) {
        const code = (error as NodeJS.ErrnoException).code;
        if (code === 'EAGAIN') idle();
        else if (code === 'EOF') return 0;
        else if (code !== 'EINTR') throw unreadable(this.name, error);
      }
    }
  }

  /** The next `count` bytes (fewer at the end) without taking them. */
  head(count: number): Uint8Array {
    while (this.#ahead.length < count) {
      const more = new Uint8Array(count - this.#ahead.length);
      const got = this.#readMore(more, 0, more.length);
      if (got === 0) break;
      this.#ahead = Buffer.concat([this.#ahead, more.subarray(0, got)]);
    }
    return this.#ahead.subarray(0, count);
  }

  /** Passes over bytes, by reading them. @returns how many there were */
  skip(count: number): number {
    const scratch = new Uint8Array(Math.min(count, 256 * 1024));
    let left = count;
    while (left > 0) {
      const got = this.read(scratch, 0, Math.min(left, scratch.length));
      if (got === 0) break;
      left -= got;
    }
    return count - left;
  }

  /** Closes what was opened for it; once is enough, and again does no harm. */
  close(): void {
    if (this.#closed) return;
    if (this.#fd !== undefined && this.#owned) closeSync(this.#fd);
    this.#stored?.[Symbol.dispose]();
    this.#closed = true;
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/** A descriptor that was given, which may be a pipe. */
function fromDescriptor(fd: number, name: string | undefined, owned: boolean): ByteSource {
  try {
    const stat = fstatSync(fd);
    if (stat.isDirectory()) throw notAFile(name, 'a directory');
    return new ByteSource(
      { fd, owned, sizeBytes: stat.isFile() && owned && stat.size > 0 ? stat.size : undefined },
      name,
    );
  } catch (error) {
    if (owned) closeSync(fd);
    throw unreadable(name, error);
  }
}

/**
 * Opens what bytes are read from. A path must lead to a regular file (regular-file.ts): a FIFO or device is refused at
 * once, unless it is one of crit's own descriptors (/dev/stdin, /dev/fd/N).
 * @throws ImageError NO_IMAGE, NO_ACCESS, NOT_A_FILE, FOREIGN_LINK, BROKEN_LINK, UNREADABLE
 */
export function openByteSource(source: Source): ByteSource {
  if (source instanceof ByteSource) return source;
  if (source instanceof Uint8Array) return new ByteSource({ bytes: source });
  if (typeof source === 'object' && typeof (source as { fd?: number } | null)?.fd === 'number')
    return fromDescriptor(source.fd, source.name, false);
  if (typeof source !== 'string')
    throw badArgument('an image is bytes, the path of a file, or an object with an fd', source);
  if (!DESCRIPTOR_PATH.test(source)) {
    const { fd, stat } = openRegularFile(source);
    return new ByteSource({ fd, owned: true, sizeBytes: stat.size }, source);
  }
  let fd: number;
  try {
    fd = openSync(source, constants.O_RDONLY);
  } catch (error) {
    throw unreadable(source, error);
  }
  return fromDescriptor(fd, source, true);
}
