import type { Damage, RawValue } from './raw-value.js';

/** POSIX.1 ustar: everything is in blocks of this size. */
const BLOCK = 512;

/** More members than this are counted, not listed: the listing is held in memory, the archive is not. */
export const MAX_LISTED_MEMBERS = 100_000;

/** A pax header or a GNU long name larger than this is no name. */
const MAX_META_BYTES = 1024 * 1024;

/** POSIX.1 ustar and GNU typeflags. */
const KIND: Readonly<Record<string, string>> = {
  '0': 'file',
  '\0': 'file',
  '1': 'hardlink',
  '2': 'symlink',
  '3': 'char',
  '4': 'block',
  '5': 'dir',
  '6': 'fifo',
  '7': 'file',
  S: 'sparse',
};

function text(block: Uint8Array, start: number, length: number): string {
  const field = block.subarray(start, start + length);
  const nul = field.indexOf(0);
  return new TextDecoder().decode(nul < 0 ? field : field.subarray(0, nul));
}

/** Octal text, or GNU's base-256 when the first bit is set. undefined when it is neither. */
function number(block: Uint8Array, start: number, length: number): number | undefined {
  if (((block[start] ?? 0) & 0x80) !== 0) {
    let value = (block[start] ?? 0) & 0x7f;
    for (let i = 1; i < length; i++) value = value * 256 + (block[start + i] ?? 0);
    return Number.isSafeInteger(value) ? value : undefined;
  }
  const digits = text(block, start, length).trim();
  if (digits === '') return 0;
  return /^[0-7]+$/.test(digits) ? parseInt(digits, 8) : undefined;
}

function checksumHolds(block: Uint8Array): boolean {
  let sum = 0;
  for (let i = 0; i < BLOCK; i++) sum += i >= 148 && i < 156 ? 32 : (block[i] ?? 0);
  return number(block, 148, 8) === sum;
}

/** `LENGTH KEY=VALUE\n` records of a pax header; LENGTH counts the whole record in bytes. */
function paxRecords(bytes: Uint8Array): Record<string, string> {
  const out: Record<string, string> = {};
  let at = 0;
  while (at < bytes.length) {
    const space = bytes.indexOf(0x20, at);
    const length = space < 0 ? 0 : Number(text(bytes, at, space - at));
    if (!(length > 0) || at + length > bytes.length) break;
    const record = new TextDecoder().decode(bytes.subarray(space + 1, at + length - 1));
    const equals = record.indexOf('=');
    if (equals > 0) out[record.slice(0, equals)] = record.slice(equals + 1);
    at += length;
  }
  return out;
}

const permissions = (mode: number): string => `0${(mode & 0o7777).toString(8).padStart(3, '0')}`;

/**
 * Lists a tar archive (ustar, pax, GNU) that is pushed in pieces of any size, without keeping its contents.
 * `entries` holds what was sound so far; `damage` is set once the archive makes no sense any more.
 */
export class TarHeaders {
  readonly entries: RawValue[] = [];
  /** Members beyond MAX_LISTED_MEMBERS. */
  omitted = 0;
  damage: Damage | undefined;
  /** The two zero blocks that close an archive were seen. */
  ended = false;
  #offset = 0;
  #pending: Buffer = Buffer.alloc(0);
  #skip = 0;
  #zeroBlocks = 0;
  #meta: { kind: string; bytes: number; parts: Uint8Array[] } | undefined;
  #metaPadding = 0;
  #override: Record<string, string> = {};

  /** Nothing that comes now is looked at. */
  get #done(): boolean {
    return this.ended || this.damage !== undefined;
  }

  push(chunk: Uint8Array): void {
    let data = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    while (data.length > 0 && !this.#done) {
      if (this.#skip > 0) {
        const n = Math.min(this.#skip, data.length);
        this.#takeMeta(data.subarray(0, n));
        this.#skip -= n;
        this.#offset += n;
        data = data.subarray(n);
        if (this.#skip === 0) this.#finishMeta();
        continue;
      }
      const n = Math.min(BLOCK - this.#pending.length, data.length);
      this.#pending =
        this.#pending.length === 0
          ? Buffer.from(data.subarray(0, n))
          : Buffer.concat([this.#pending, data.subarray(0, n)]);
      data = data.subarray(n);
      if (this.#pending.length === BLOCK) {
        const block = this.#pending;
        this.#pending = Buffer.alloc(0);
        this.#header(block);
        this.#offset += BLOCK;
      }
    }
  }

  /** The archive's bytes are all there: says what is missing from it. */
  end(): void {
    if (this.ended || this.damage) return;
    if (this.#skip > 0) this.#fail(`the archive ends ${this.#skip} bytes short of the member's content`);
    else if (this.#pending.length > 0) this.#fail(`the archive ends inside a header`);
    else if (this.#zeroBlocks === 0) this.#fail('the archive ends without its closing blocks');
  }

  #fail(reason: string): void {
    this.damage = { offsetBytes: this.#offset, entry: this.entries.length + this.omitted, reason };
  }

  #header(block: Buffer): void {
    if (block.every((byte) => byte === 0)) {
      if (++this.#zeroBlocks === 2) this.ended = true;
      return;
    }
    this.#zeroBlocks = 0;
    if (!checksumHolds(block)) {
      this.#fail('the header checksum does not hold');
      return;
    }
    const size = this.#override['size'] !== undefined ? Number(this.#override['size']) : number(block, 124, 12);
    const mode = number(block, 100, 8);
    if (size === undefined || !Number.isSafeInteger(size) || size < 0 || mode === undefined) {
      this.#fail('the header has a size or mode that is no number');
      return;
    }
    const flag = String.fromCharCode(block[156] ?? 0);
    this.#skip = Math.ceil(size / BLOCK) * BLOCK;
    if (flag === 'x' || flag === 'g' || flag === 'L' || flag === 'K') {
      if (size > MAX_META_BYTES) {
        this.#fail(`a name of ${size} bytes`);
        return;
      }
      this.#meta = { kind: flag, bytes: size, parts: [] };
      this.#metaPadding = this.#skip - size;
      if (size === 0) this.#meta = undefined;
      return;
    }
    // Links, directories and devices have no content, whatever their size field says (POSIX.1 ustar).
    if ('12346'.includes(flag) || flag === '5') this.#skip = 0;
    this.#list(block, flag, size, mode);
    this.#override = {};
  }

  #list(block: Buffer, flag: string, size: number, mode: number): void {
    if (this.entries.length >= MAX_LISTED_MEMBERS) {
      this.omitted++;
      return;
    }
    const ustar = text(block, 257, 5) === 'ustar';
    const posix = ustar && block[262] === 0;
    const prefix = posix ? text(block, 345, 155) : '';
    const name = this.#override['path'] ?? (prefix === '' ? text(block, 0, 100) : `${prefix}/${text(block, 0, 100)}`);
    const kind = KIND[flag] ?? `type ${JSON.stringify(flag)}`;
    const link = this.#override['linkpath'] ?? text(block, 157, 100);
    const owner = (key: string, at: number): number => Number(this.#override[key] ?? number(block, at, 8) ?? 0);
    this.entries.push({
      name,
      type: kind,
      mode: permissions(mode),
      uid: owner('uid', 108),
      gid: owner('gid', 116),
      size: kind === 'file' ? size : Number(this.#override['GNU.sparse.realsize'] ?? (kind === 'sparse' ? size : 0)),
      mtime: Math.floor(Number(this.#override['mtime'] ?? number(block, 136, 12) ?? 0)),
      ...(kind === 'symlink' || kind === 'hardlink' ? { target: link } : {}),
      ...(kind === 'char' || kind === 'block'
        ? { device: `${number(block, 329, 8) ?? 0}:${number(block, 337, 8) ?? 0}` }
        : {}),
    });
  }

  #takeMeta(part: Uint8Array): void {
    this.#meta?.parts.push(Uint8Array.from(part));
  }

  #finishMeta(): void {
    const meta = this.#meta;
    if (!meta) return;
    this.#meta = undefined;
    const all = Buffer.concat(meta.parts);
    const body = all.subarray(0, all.length - this.#metaPadding);
    if (meta.kind === 'x') Object.assign(this.#override, paxRecords(body));
    else if (meta.kind === 'L') this.#override['path'] = text(body, 0, body.length);
    else if (meta.kind === 'K') this.#override['linkpath'] = text(body, 0, body.length);
  }
}
