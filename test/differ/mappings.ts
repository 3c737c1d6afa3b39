import { lstatSync } from 'node:fs';
import { createHash } from 'node:crypto';
import { closeSync, fstatSync, openSync, readSync, statSync } from 'node:fs';
import type { Facts } from './facts.js';
import { readText } from './proc.js';

/** What smaps tells of one mapping. */
export interface Mapping {
  readonly name: string;
  readonly start: number;
  readonly end: number;
  readonly shared: boolean;
  readonly path: string;
  readonly flags: ReadonlySet<string>;
}

const HEAD = /^([0-9a-f]+)-([0-9a-f]+) (\S{4}) ([0-9a-f]+) ([0-9a-f]+:[0-9a-f]+) (\d+)\s*(.*)$/;

/** Largest content of a shared object that is compared, bytes. */
const CONTENT_MAX = 64 << 20;

/** Device and inode of a file, or the number of one that has no name that lasts. */
export function identity(facts: Facts, dev: string | number, ino: string | number | bigint, lasting: boolean): string {
  return lasting ? `${dev} ${ino}` : facts.nameless(`${dev} ${ino}`);
}

/** A mapping with all that smaps and numa_maps say of it. */
interface Entry extends Mapping {
  readonly facts: Map<string, string>;
  readonly offset: number;
}

/** What says how much of a mapping there is, and is no property of it. */
const SIZES = new Set(['Size', 'file']);

/** The mappings of a process: all of smaps and numa_maps, and how the mapped files were opened. */
export function addMappings(facts: Facts, where: string, pid: number): Mapping[] {
  const entries = readEntries(facts, pid);
  const mappings = merged(entries);
  for (const { name, facts: own } of mappings)
    for (const [what, value] of own) facts.add(`${where}/mapping ${name}/${what}`, value);
  return mappings;
}

function readEntries(facts: Facts, pid: number): Entry[] {
  const entries: Entry[] = [];
  for (const line of readText(`/proc/${pid}/smaps`).split('\n')) {
    const head = HEAD.exec(line);
    const entry = entries.at(-1);
    if (!head) {
      const pair = /^(\w+):\s+(.*?)\s*$/.exec(line);
      if (!pair || !entry) continue;
      if (pair[1] === 'VmFlags') for (const flag of pair[2]!.split(' ')) (entry.flags as Set<string>).add(flag);
      if (!SIZES.has(pair[1]!)) entry.facts.set(pair[1]!, pair[2]!);
      continue;
    }
    const [, start, end, prot, offset, dev, ino, path] = head as unknown as string[];
    const own = new Map<string, string>();
    const name = `${start!}-${end!}`;
    own.set('protection', prot!);
    own.set('path', path!);
    own.set('offset', offset!);
    if (ino !== '0') {
      const file = `/proc/${pid}/map_files/${shortName(name)}`;
      // of an io_uring, whose memory fdinfo shows, and of the ring of an AIO context
      const anonymous = path!.startsWith('anon_inode:');
      const lasting = hasName(file) && !anonymous && !path!.startsWith('/[aio]');
      own.set('file', identity(facts, dev!, ino!, lasting));
      own.set('opened', (lstatMode(file) & 0o700).toString(8));
      if (!lasting && !anonymous && prot![3] === 's') own.set('contents', contents(file));
    }
    entries.push({
      name,
      start: parseInt(start!, 16),
      end: parseInt(end!, 16),
      shared: prot![3] === 's',
      path: path!,
      flags: new Set(),
      facts: own,
      offset: ino === '0' ? 0 : parseInt(offset!, 16),
    });
  }
  for (const line of readText(`/proc/${pid}/numa_maps`).split('\n').filter(Boolean)) {
    const [start, policy] = line.split(' ') as [string, string];
    entries.find((m) => m.start === parseInt(start, 16))?.facts.set('memory policy', policy);
  }
  return entries;
}

/** What makes mappings alike. */
const KIND = ['protection', 'path', 'file', 'opened', 'VmFlags', 'KernelPageSize', 'ProtectionKey', 'memory policy'];

/** Neighbours that are alike count as one: the kernel joins them, or does not, as their history was. */
function merged(entries: readonly Entry[]): Entry[] {
  const mappings: Entry[] = [];
  for (const entry of entries) {
    const last = mappings.at(-1);
    const follows =
      last?.end === entry.start &&
      KIND.every((what) => last.facts.get(what) === entry.facts.get(what)) &&
      (!entry.facts.has('file') || last.offset + (last.end - last.start) === entry.offset);
    if (!follows) mappings.push(entry);
    else
      mappings[mappings.length - 1] = {
        ...last,
        end: entry.end,
        name: `${last.name.split('-')[0]!}-${entry.name.split('-')[1]!}`,
      };
  }
  return mappings;
}

/** map_files has no leading zeros. */
function shortName(name: string): string {
  return name
    .split('-')
    .map((part) => parseInt(part, 16).toString(16))
    .join('-');
}

function hasName(path: string): boolean {
  try {
    return statSync(path).nlink > 0;
  } catch {
    return false;
  }
}

function lstatMode(path: string): number {
  try {
    return lstatSync(path).mode;
  } catch {
    return 0;
  }
}

/** A digest of a file without holes being read one by one: of what has no name, nobody else can tell. */
export function contents(path: string): string {
  let fd: number;
  try {
    fd = openSync(path, 'r');
  } catch (error) {
    return `(${(error as NodeJS.ErrnoException).code ?? ''})`;
  }
  try {
    const { size } = fstatSync(fd);
    const hash = createHash('sha1');
    const piece = Buffer.alloc(1 << 20);
    for (let at = 0; at < Math.min(size, CONTENT_MAX);) {
      const n = readSync(fd, piece, 0, piece.length, at);
      if (n <= 0) break;
      hash.update(piece.subarray(0, n));
      at += n;
    }
    return `${size} bytes ${hash.digest('hex').slice(0, 16)}`;
  } catch (error) {
    return `(${(error as NodeJS.ErrnoException).code ?? ''})`;
  } finally {
    closeSync(fd);
  }
}
