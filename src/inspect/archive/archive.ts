import path from 'node:path';
import { DirectoryStore } from '../../image/directory-store.js';
import { ImageError } from '../../image/errors.js';
import { readAt, type ImageStore, type StoredFile } from '../../image/image-store.js';
import { PackedFile, packingOf, type Packing } from './packed-file.js';
import { indexTar, type Member } from './tar-index.js';

/** Of a packed archive, files up to this size are kept in memory when it is read first, ... */
const KEPT_FILE_BYTES = 4 << 20;
/** ... as long as they are no more together. Others are unpacked when they are read. */
const KEPT_BYTES = 64 << 20;
/** Links that lead to links. */
const MAX_LINKS = 40;

/** Part of a file. */
class Slice implements StoredFile {
  readonly name: string;
  readonly sizeBytes: number;
  readonly #whole: StoredFile;
  readonly #start: number;

  constructor(name: string, whole: StoredFile, start: number, sizeBytes: number) {
    this.name = name;
    this.sizeBytes = sizeBytes;
    this.#whole = whole;
    this.#start = start;
  }

  read(target: Uint8Array, offset: number, length: number, position: number): number {
    const wanted = Math.min(length, this.sizeBytes - position);
    if (wanted <= 0) return 0;
    const got = this.#whole.read(target, offset, wanted, this.#start + position);
    if (got === 0) throw new ImageError('the archive ends in it', { file: this.name }, { code: 'BAD_ARCHIVE' });
    return got;
  }

  [Symbol.dispose](): void {
    this.#whole[Symbol.dispose]();
  }
}

class Kept implements StoredFile {
  readonly name: string;
  readonly #bytes: Uint8Array;

  constructor(name: string, bytes: Uint8Array) {
    this.name = name;
    this.#bytes = bytes;
  }

  get sizeBytes(): number {
    return this.#bytes.length;
  }

  read(target: Uint8Array, offset: number, length: number, position: number): number {
    const some = this.#bytes.subarray(position, position + length);
    target.set(some, offset);
    return some.length;
  }

  [Symbol.dispose](): void {
    // memory
  }
}

/** A .tar, .tar.gz or .tar.zst, which is read where it is: nothing of it is unpacked to disk. */
export class Archive {
  readonly path: string;
  readonly members: ReadonlyMap<string, Member>;
  /** Why a part of it cannot be read. */
  readonly damage: string | undefined;
  readonly #packing: Packing | undefined;
  readonly #kept = new Map<Member, Uint8Array>();

  /** @throws ImageError NO_IMAGE and others of openRegularFile; BAD_ARCHIVE when it is no archive at all */
  constructor(file: string) {
    this.path = file;
    using raw = this.#openFile();
    this.#packing = packingOf(readAt(raw, 0, 4));
    using whole = this.#openWhole();
    let kept = 0;
    const { members, damage } = indexTar(whole, (_name, member) => {
      const { sizeBytes, offset } = member;
      if (!this.#packing || sizeBytes > KEPT_FILE_BYTES || (kept += sizeBytes) > KEPT_BYTES) return;
      const bytes = readAt(whole, offset, sizeBytes);
      if (bytes.length === sizeBytes) this.#kept.set(member, bytes);
    });
    this.members = members;
    this.damage = damage;
    if (members.size === 0)
      throw new ImageError('is no tar archive, or an empty one', { file }, { code: 'BAD_ARCHIVE' });
  }

  #openFile(): StoredFile {
    return new DirectoryStore(path.dirname(this.path)).open(path.basename(this.path));
  }

  #openWhole(): StoredFile {
    const file = this.#openFile();
    return this.#packing ? new PackedFile(file, this.#packing) : file;
  }

  /** What a member is called in messages. */
  pathOf(member: string): string {
    return `${this.path}:${member}`;
  }

  /** The member that a path leads to, by symbolic links that stay in the archive. */
  find(name: string, links = 0): Member | undefined {
    const member = this.members.get(name);
    if (member?.kind !== 'symlink' || links > MAX_LINKS) return member;
    return this.find(path.posix.normalize(path.posix.join(path.posix.dirname(name), member.target ?? '')), links + 1);
  }

  /** @throws ImageError NO_IMAGE */
  open(name: string): StoredFile {
    const member = this.find(name);
    const shown = this.pathOf(name);
    if (member?.kind !== 'file') throw new ImageError('there is no such file', { file: shown }, { code: 'NO_IMAGE' });
    const kept = this.#kept.get(member);
    return kept ? new Kept(shown, kept) : new Slice(shown, this.#openWhole(), member.offset, member.sizeBytes);
  }

  /** One of its directories, '' for what lies at its top. */
  directory(prefix: string): ImageStore {
    const inside = (name: string) => (prefix === '' ? name : `${prefix}/${name}`);
    return {
      pathOf: (name) => this.pathOf(inside(name)),
      has: (name) => this.find(inside(name))?.kind === 'file',
      open: (name) => this.open(inside(name)),
      files: () =>
        [...this.members.keys()]
          .filter((name) => path.posix.dirname(inside('x')) === path.posix.dirname(name))
          .flatMap((name) => {
            const member = this.find(name);
            return member?.kind === 'file' ? [{ name: path.posix.basename(name), sizeBytes: member.sizeBytes }] : [];
          })
          .sort((a, b) => (a.name < b.name ? -1 : 1)),
    };
  }
}
