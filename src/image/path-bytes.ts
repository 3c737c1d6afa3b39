import { bytesOfString } from './utf8.js';

/** A path with its NUL, for a batch; bytes that are no UTF-8 come back as they were. */
export function pathBytes(path: string): Uint8Array {
  const bytes = bytesOfString(path) ?? Buffer.from(path);
  const out = new Uint8Array(bytes.length + 1);
  out.set(bytes);
  return out;
}

/** A path for node:fs. */
export function pathBuffer(path: string): Buffer {
  return Buffer.from(bytesOfString(path) ?? Buffer.from(path));
}
