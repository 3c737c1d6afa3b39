import { Gzip } from 'minizlib';
import { ImageScanner } from '../decode/image-scanner.js';
import { DUMP_MAGIC, dumpMagicOf } from '../decode/raw/dump-magic.js';
import { isRawType, RAW_FORMAT } from '../decode/raw/recognise.js';
import { ByteSource } from '../image/byte-source.js';
import { typeOfFileName, type ImageType, type RawImageType } from '../image/catalogue.js';
import { CritError, ImageError } from '../image/errors.js';
import { piecesOf, readAt, type ImageStore, type StoredFile } from '../image/image-store.js';
import { PackedFile } from '../inspect/archive/packed-file.js';
import type { Checkpoint } from '../inspect/checkpoint.js';
import { EditedSet, type MakeBytes } from './edited-set.js';
import { flatten } from './flatten.js';
import { scrubJson } from './scrub/container-json.js';
import { ImageScrubber } from './scrub/image-scrubber.js';
import type { ScrubCounts, ScrubKind } from './scrub/kinds.js';
import { NetlinkScrubber } from './scrub/netlink.js';
import { PagesScrubber } from './scrub/pages.js';
import { scrubRules } from './scrub/rules-text.js';
import type { SecretPattern } from './scrub/secrets.js';
import { startedWith, type Range } from './scrub/started-with.js';
import { Taking } from './scrub/taking.js';
import { TarScrubber } from './scrub/tar.js';

/** More rules than this are left out of the set. */
const MAX_RULES_BYTES = 64 << 20;
const MAX_JSON_BYTES = 8 << 20;

/** What is kept, and what is taken out of that. */
export interface ScrubOptions {
  /** What stays; nothing if not told. */
  readonly keep?: readonly ScrubKind[];
  /** Secrets that are taken out wherever they stand, also in what stays. */
  readonly secrets?: readonly SecretPattern[];
  /** Paths of programs and libraries that come with a system stay (/usr/lib and the like). */
  readonly keepsSystemPaths?: boolean;
  /** The instruction and stack pointers, flags and segments go as well. */
  readonly allRegisters?: boolean;
}

/** A set without secrets, to be written while it is held. */
export interface Scrubbed extends Disposable {
  readonly set: EditedSet;
  /** What was taken out so far, which is all when the set is written. Memory, environment and data in bytes. */
  readonly counts: ScrubCounts;
  /** Files that are not in it: they are no images, or none that crit knows. */
  readonly leftOut: readonly string[];
  /** How many sets it is made of: an increment is merged with those before it. */
  readonly sets: number;
}

/** The set as a whole one. One whose parent is lost is taken as it is. */
function whole(checkpoint: Checkpoint): { set: EditedSet; sets: number } & Disposable {
  try {
    return flatten(checkpoint);
  } catch (error) {
    if (!(error instanceof CritError) || !['MISSING_PARENT', 'BAD_IMAGE', 'MISSING_IMAGE'].includes(error.code))
      throw error;
    const set = new EditedSet(checkpoint);
    set.detach();
    return { set, sets: 1, [Symbol.dispose]: () => undefined };
  }
}

/** All bytes of a file of the set as it is by now. */
function push(set: EditedSet, name: string, was: MakeBytes | undefined, take: (bytes: Uint8Array) => void): void {
  if (was) {
    was(take);
    return;
  }
  using file = set.open(name);
  for (const piece of piecesOf(file)) take(piece);
}

function isImage(set: EditedSet, name: string): boolean {
  const scanner = new ImageScanner(set.bytes(name));
  try {
    scanner.readHeader();
    return true;
  } catch (error) {
    if (error instanceof ImageError) return false;
    throw error;
  } finally {
    scanner.close();
  }
}

/** An archive of a file system, packed or not. */
function makeArchive(open: () => StoredFile, isPacked: boolean, taking: Taking): MakeBytes {
  return (write) => {
    if (!isPacked) {
      const tar = new TarScrubber(taking, write);
      using file = open();
      for (const piece of piecesOf(file)) tar.push(piece);
      tar.end();
      return;
    }
    const stream = new Gzip({});
    stream.on('data', (bytes: Buffer) => {
      write(bytes);
    });
    stream.on('error', (error) => {
      throw error;
    });
    const tar = new TarScrubber(taking, (bytes) => stream.write(Buffer.from(bytes)));
    using packed = new PackedFile(open(), 'gzip');
    try {
      for (const piece of piecesOf(packed)) tar.push(piece);
    } catch (error) {
      // what could be unpacked is in it
      if (!(error instanceof ImageError) || error.code !== 'BAD_ARCHIVE') throw error;
    }
    tar.end();
    stream.end();
  };
}

function makeRaw(
  set: EditedSet,
  name: string,
  type: RawImageType,
  taking: Taking,
  started: readonly Range[],
): MakeBytes {
  const was = set.files.get(name)?.make;
  switch (RAW_FORMAT[type]) {
    case 'netlink':
      return (write) => {
        const scrubber = new NetlinkScrubber(taking, type in DUMP_MAGIC ? dumpMagicOf(type) : undefined, write);
        push(set, name, was, (bytes) => {
          scrubber.push(bytes);
        });
        scrubber.end();
      };
    case 'text':
      return (write) => {
        const parts: Uint8Array[] = [];
        push(set, name, was, (bytes) => parts.push(Uint8Array.from(bytes)));
        const text = Buffer.from(scrubRules(Buffer.concat(parts).toString(), taking));
        taking.count('secrets', taking.secrets.mask(text));
        write(text);
      };
    case 'tar.gz':
      return makeArchive(() => set.open(name), true, taking);
    case 'pages':
      return (write) => {
        const scrubber = new PagesScrubber(taking, started, write);
        push(set, name, was, (bytes) => {
          scrubber.push(bytes);
        });
        scrubber.end();
      };
  }
}

/** What makes a file without its secrets; undefined when nobody knows what it holds. */
function scrubbed(
  set: EditedSet,
  name: string,
  taking: Taking,
  started: ReadonlyMap<string, readonly Range[]>,
): MakeBytes | undefined {
  const type: ImageType | undefined = typeOfFileName(name)?.type;
  if (type === undefined) return undefined;
  if (isRawType(type)) {
    if (RAW_FORMAT[type] === 'text') {
      using file = set.open(name);
      if (file.sizeBytes > MAX_RULES_BYTES) return undefined;
    }
    return makeRaw(set, name, type, taking, started.get(name) ?? []);
  }
  if (!isImage(set, name)) return undefined;
  const was = set.files.get(name)?.make;
  return (write) => {
    const parts: Uint8Array[] = [];
    was?.((bytes) => parts.push(bytes));
    const source = was ? { bytes: Buffer.concat(parts) } : { stored: set.open(name) };
    new ImageScrubber(new ByteSource(source, name), taking, write).run();
  };
}

/** What stands beside images: what engines know of a container, and archives of its files. */
function besides(store: ImageStore, name: string, taking: Taking): MakeBytes | undefined {
  if (/\.tar$/.test(name)) return makeArchive(() => store.open(name), false, taking);
  if (!/\.(dump|status|files|json)$/.test(name)) return undefined;
  using file = store.open(name);
  if (file.sizeBytes > MAX_JSON_BYTES) return undefined;
  const json = Buffer.from(readAt(file, 0, file.sizeBytes)).toString();
  if (scrubJson(json, taking) === undefined) return undefined;
  return (write) => {
    write(Buffer.from(scrubJson(json, taking)!));
  };
}

/**
 * Takes secrets out of a checkpoint, so that it can be given away: all that a program, an administrator or a user put there,
 * unless it is told to stay. What the kernel and CRIU put there stays: numbers of processes, users, ports and inodes, times,
 * addresses in memory, sizes. Text gets stand-ins of the same length, the same for the same word; bytes become zeros.
 * @throws ImageError when a file cannot be read
 * @example
 * import { openCheckpoint, scrub } from 'crit-checkpoint';
 * using clean = scrub(openCheckpoint('fixtures/sets/tree'), { keep: ['paths'], secrets: [/password=\S+/] });
 * console.assert(clean.leftOut.length === 0); // what is not for writeSet(clean.set, directory)
 */
export function scrub(checkpoint: Checkpoint, options: ScrubOptions = {}): Scrubbed {
  const { keep = [], secrets = [], keepsSystemPaths = false, allRegisters = false } = options;
  const taking = new Taking({ keep, secrets, keepsSystem: keepsSystemPaths, allRegisters });
  const { set, sets, [Symbol.dispose]: dispose } = whole(checkpoint);
  const leftOut: string[] = [];
  const started = startedWith(set);
  const { store } = checkpoint.images;
  // what an engine puts beside the directory of images comes into it
  const { beside } = checkpoint;
  const others = beside
    .files()
    .filter(({ name }) => !set.files.has(name) && beside.pathOf(name) !== store.pathOf(name));
  const names = [...set.files.keys()].map((name) => ({ name, from: store }));
  for (const { name, from } of [...names, ...others.map(({ name }) => ({ name, from: beside }))]) {
    const make =
      from === store && typeOfFileName(name) ? scrubbed(set, name, taking, started) : besides(from, name, taking);
    if (make)
      set.replace(name, (write) => {
        taking.begin(name);
        make(write);
      });
    else {
      set.remove(name);
      leftOut.push(name);
    }
  }
  return {
    set,
    sets,
    leftOut,
    get counts() {
      return taking.counts;
    },
    [Symbol.dispose]: dispose,
  };
}
