import { closeSync, mkdtempSync, openSync, readSync, rmSync, writeSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';

/** What is kept in memory; more goes to a file. */
const MEMORY_BYTES = 4 * 1024 * 1024;

/** Holds bytes, of any number, until it is known where they go. */
export class Spool {
  length = 0;
  #buffer = new Uint8Array(64 * 1024);
  #filled = 0;
  #fd: number | undefined;

  push(piece: Uint8Array): void {
    if (this.#filled + piece.length > this.#buffer.length) this.#grow(piece.length);
    this.#buffer.set(piece, this.#filled);
    this.#filled += piece.length;
    this.length += piece.length;
  }

  #grow(count: number): void {
    if (this.#filled + count > MEMORY_BYTES) this.#spill();
    if (this.#filled + count <= this.#buffer.length) return;
    const grown = new Uint8Array(Math.max(2 * this.#buffer.length, this.#filled + count));
    grown.set(this.#buffer.subarray(0, this.#filled));
    this.#buffer = grown;
  }

  #spill(): void {
    if (this.#fd === undefined) {
      // A directory of our own (mode 0700), and no name for the file as soon as it is open: it holds a process's memory.
      const dir = mkdtempSync(path.join(os.tmpdir(), 'crit-'));
      try {
        this.#fd = openSync(path.join(dir, 'payload'), 'wx+', 0o600);
      } finally {
        rmSync(dir, { recursive: true, force: true });
      }
    }
    for (let at = 0; at < this.#filled;) at += writeSync(this.#fd, this.#buffer, at, this.#filled - at);
    this.#filled = 0;
  }

  /** Hands all of it on, in pieces that are valid until `write` returns. */
  drain(write: (piece: Uint8Array) => void): void {
    if (this.#fd !== undefined) {
      const chunk = new Uint8Array(256 * 1024);
      for (let at = 0; ;) {
        const got = readSync(this.#fd, chunk, 0, chunk.length, at);
        if (got === 0) break;
        write(chunk.subarray(0, got));
        at += got;
      }
    }
    if (this.#filled > 0) write(this.#buffer.subarray(0, this.#filled));
  }

  close(): void {
    if (this.#fd !== undefined) closeSync(this.#fd);
    this.#fd = undefined;
  }
}
