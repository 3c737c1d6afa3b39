import path from 'node:path';
import { Header, Pax } from 'tar';
import { readAt, type StoredFile } from '../../image/image-store.js';

const BLOCK = 512;
/** A longer extended header names nothing that can be a file. */
const MAX_EXTENDED_BYTES = 1 << 20;
/** More members than this are no checkpoint: what is known of each is held in memory. */
const MAX_MEMBERS = 1_000_000;

/** A member of an archive. */
export interface Member {
  readonly kind: 'file' | 'directory' | 'symlink' | 'other';
  /** Where its bytes are in the archive. */
  readonly offset: number;
  readonly sizeBytes: number;
  /** Of a symbolic link: what it holds. */
  readonly target: string | undefined;
}

/** What an archive holds. */
export interface TarIndex {
  /** By path, without `./` and a `/` at its end. A path that is there twice means the last, as for tar. */
  readonly members: ReadonlyMap<string, Member>;
  /** Why the rest of the archive cannot be read. */
  readonly damage: string | undefined;
}

/** undefined for what would lead out of the archive. */
function plainPath(text: string): string | undefined {
  const plain = path.posix.normalize(text).replace(/^(\.?\/)+|\/+$/g, '');
  return plain === '' || plain === '.' || plain === '..' || plain.startsWith('../') ? undefined : plain;
}

const kindOf = (type: string): Member['kind'] => {
  if (type === 'File' || type === 'OldFile' || type === 'ContiguousFile') return 'file';
  return type === 'Directory' || type === 'GNUDumpDir' ? 'directory' : type === 'SymbolicLink' ? 'symlink' : 'other';
};

/**
 * Walks through an archive from front to back, from header to header.
 * @param onFile sees each file when its bytes are next: the only time when reading them is cheap in a packed archive
 */
export function indexTar(archive: StoredFile, onFile: (name: string, member: Member) => void): TarIndex {
  const members = new Map<string, Member>();
  let extended: Pax | undefined;
  let global: Pax | undefined;
  const damaged = (offset: number, reason: string): TarIndex => ({
    members,
    damage: `${archive.name}: ${reason} at byte ${offset}: what follows cannot be read`,
  });
  const meta = (offset: number, size: number): string => Buffer.from(readAt(archive, offset, size)).toString('utf8');
  for (let offset = 0, zeros = 0; zeros < 2;) {
    let header: Header;
    try {
      const block = readAt(archive, offset, BLOCK);
      if (block.length === 0) return offset === 0 ? damaged(0, 'is empty') : { members, damage: undefined };
      if (block.length < BLOCK) return damaged(offset, 'ends in a header');
      header = new Header(Buffer.from(block), 0, extended, global);
      offset += BLOCK;
      if (header.nullBlock) {
        zeros++;
        continue;
      }
      if (!header.cksumValid) return damaged(offset - BLOCK, 'there is no tar header');
      const size = header.size ?? 0;
      if (!Number.isSafeInteger(size) || size < 0) return damaged(offset - BLOCK, 'a member has no size');
      const next = offset + Math.ceil(size / BLOCK) * BLOCK;
      if (offset + size > archive.sizeBytes && archive.sizeBytes !== Infinity) {
        // what is there of it can be read
        add(members, header, offset, archive.sizeBytes - offset, onFile);
        return damaged(archive.sizeBytes, `ends in ${header.path ?? 'a member'}`);
      }
      switch (header.type) {
        case 'ExtendedHeader':
        case 'OldExtendedHeader':
        case 'GlobalExtendedHeader': {
          if (size > MAX_EXTENDED_BYTES) return damaged(offset, 'there is an extended header of too many bytes');
          const isGlobal = header.type === 'GlobalExtendedHeader';
          const pax = Pax.parse(meta(offset, size), isGlobal ? global : extended, isGlobal);
          if (isGlobal) global = pax;
          else extended = pax;
          break;
        }
        case 'NextFileHasLongPath':
        case 'NextFileHasLongLinkpath': {
          if (size > MAX_EXTENDED_BYTES) return damaged(offset, 'there is a name of too many bytes');
          const text = meta(offset, size).replace(/\0.*$/s, '');
          extended ??= new Pax({});
          if (header.type === 'NextFileHasLongPath') extended.path = text;
          else extended.linkpath = text;
          break;
        }
        default: {
          if (members.size >= MAX_MEMBERS) return damaged(offset, `there are more than ${MAX_MEMBERS} members`);
          add(members, header, offset, size, onFile);
          extended = undefined;
        }
      }
      offset = next;
    } catch (error) {
      return damaged(offset, (error as Error).message);
    }
  }
  return { members, damage: undefined };
}

function add(
  members: Map<string, Member>,
  header: Header,
  offset: number,
  sizeBytes: number,
  onFile: (name: string, member: Member) => void,
): void {
  const name = plainPath(header.path ?? '');
  if (name === undefined) return;
  if (header.type === 'Link') {
    // a hard link is the member of its other name
    const other = members.get(plainPath(header.linkpath ?? '') ?? '');
    if (other) members.set(name, other);
    return;
  }
  const member: Member = { kind: kindOf(header.type), offset, sizeBytes, target: header.linkpath };
  members.set(name, member);
  if (member.kind === 'file') onFile(name, member);
}
