import type { Pid } from '../../image/pid.js';
import { ProcFileError, procPath, readMemoryParts, readMemoryText } from './proc-file.js';
import { PROT_EXEC, PROT_READ, PROT_WRITE } from '../uapi/mman.js';

/** A mapping as /proc/PID/maps shows it (proc_pid_maps(5)). */
export interface MapRange {
  /** First address. */
  start: bigint;
  /** Address behind the last. */
  end: bigint;
  /** PROT_READ | PROT_WRITE | PROT_EXEC */
  prot: number;
  shared: boolean;
  /** Where in the file it begins, bytes. */
  offset: bigint;
  devMajor: number;
  devMinor: number;
  /** 0 when no file is mapped. */
  inode: bigint;
  /** File, or "[heap]", "[anon:NAME]", "/memfd:NAME", ...; "" for none. Without " (deleted)". */
  path: string;
  /**
   * The kernel put " (deleted)" behind the path. A file whose name ends so looks the same: only its link count tells.
   */
  deleted: boolean;
}

/** A mapping as /proc/PID/smaps shows it (proc_pid_smaps(5)). */
export interface MapEntry extends MapRange {
  /** Two-letter mnemonics of VmFlags (Documentation/filesystems/proc.rst): "rd", "gd", "lo", "ht", ... */
  vmFlags: ReadonlySet<string>;
  /** Page size of the mapping, bytes; hugetlb mappings differ from 4096. */
  pageSizeBytes: number;
  /** Protection key (pkeys(7)); 0 where the processor has none. */
  protectionKey: number;
}

const DELETED = ' (deleted)';

/** Paths and sets of flags, of which there are few: mappings share them, and no piece of the text is kept for one. */
const paths = new Map<string, string>();
const flagSets = new Map<string, ReadonlySet<string>>();
const NR_KEPT = 10_000;

function kept(path: string): string {
  if (path === '') return path;
  let same = paths.get(path);
  if (same === undefined) {
    if (paths.size >= NR_KEPT) paths.clear();
    same = Buffer.from(path).toString();
    paths.set(same, same);
  }
  return same;
}

function flagSet(flags: string): ReadonlySet<string> {
  let set = flagSets.get(flags);
  if (!set) {
    set = new Set(flags.split(' ').filter(Boolean));
    flagSets.set(Buffer.from(flags).toString(), set);
  }
  return set;
}

/**
 * One line of maps, without its newline: "START-END PERM OFFSET MAJOR:MINOR INODE    PATH". Taken apart by hand: a regular
 * expression takes three times as long, and a dump reads this while its processes stand still.
 */
function parseRange(text: string, at: number, end: number, source: string): MapRange {
  const dash = text.indexOf('-', at);
  const perms = text.indexOf(' ', dash) + 1;
  const offset = perms + 5;
  const dev = text.indexOf(' ', offset) + 1;
  const colon = text.indexOf(':', dev);
  const inode = text.indexOf(' ', colon) + 1;
  let inodeEnd = text.indexOf(' ', inode);
  if (inodeEnd < 0 || inodeEnd > end) inodeEnd = end;
  let pathAt = inodeEnd;
  while (pathAt < end && text.charCodeAt(pathAt) === 0x20) pathAt++;
  let path = text.slice(pathAt, end);
  const deleted = path.endsWith(DELETED);
  if (deleted) path = path.slice(0, -DELETED.length);
  // fs/proc/task_mmu.c escapes newlines alone, not even the backslash
  if (path.includes('\\012')) path = path.replaceAll('\\012', '\n');
  const sharing = text[perms + 3];
  const devMajor = parseInt(text.slice(dev, colon), 16);
  const devMinor = parseInt(text.slice(colon + 1, inode - 1), 16);
  if (dash < 0 || inode > end || (sharing !== 'p' && sharing !== 's') || Number.isNaN(devMajor + devMinor))
    throw new ProcFileError(source, 'PROC_FORMAT', `not understood: ${JSON.stringify(text.slice(at, end))}`);
  return {
    start: hex(text.slice(at, dash)),
    end: hex(text.slice(dash + 1, perms - 1)),
    prot:
      (text[perms] === 'r' ? PROT_READ : 0) |
      (text[perms + 1] === 'w' ? PROT_WRITE : 0) |
      (text[perms + 2] === 'x' ? PROT_EXEC : 0),
    shared: sharing === 's',
    offset: hex(text.slice(offset, dev - 1)),
    devMajor,
    devMinor,
    inode: text[inode] === '0' ? 0n : BigInt(text.slice(inode, inodeEnd)),
    path: kept(path),
    deleted,
  };
}

/** BigInt() of a string is slow; up to 13 digits (52 bits) a number carries. */
function hex(digits: string): bigint {
  if (digits.length > 13) return BigInt(`0x${digits}`);
  const value = parseInt(digits, 16);
  return value === 0 ? 0n : BigInt(value);
}

/** The text of /proc/PID/maps. */
export function parseMapRanges(text: string, source = 'maps'): MapRange[] {
  const ranges: MapRange[] = [];
  for (let at = 0; at < text.length;) {
    let end = text.indexOf('\n', at);
    if (end < 0) end = text.length;
    ranges.push(parseRange(text, at, end, source));
    at = end + 1;
  }
  return ranges;
}

/** The text of /proc/PID/smaps. */
export function parseMaps(text: string, source = 'smaps'): MapEntry[] {
  const entries: MapEntry[] = [];
  for (let at = 0; at < text.length;) {
    const headerEnd = text.indexOf('\n', at);
    // VmFlags closes a block, and no other line behind the header has a V: nothing between needs to be looked at.
    const flagsAt = headerEnd < 0 ? -1 : text.indexOf('VmFlags:', headerEnd);
    if (flagsAt < 0) throw new ProcFileError(source, 'PROC_FORMAT', 'ends in the middle of a mapping');
    let flagsEnd = text.indexOf('\n', flagsAt);
    if (flagsEnd < 0) flagsEnd = text.length;
    const entry = parseRange(text, at, headerEnd, source) as MapEntry;
    entry.vmFlags = flagSet(text.slice(flagsAt + 8, flagsEnd));
    const middle = text.slice(headerEnd, flagsAt);
    entry.pageSizeBytes = 1024 * numberAfter(middle, 'KernelPageSize:', 4);
    entry.protectionKey = numberAfter(middle, 'ProtectionKey:', 0);
    entries.push(entry);
    at = flagsEnd + 1;
  }
  return entries;
}

/** Searches a cut of the text, as V8 may make a search ahead of the condition that it hangs on. */
function numberAfter(text: string, label: string, otherwise: number): number {
  const at = text.indexOf(label);
  return at < 0 ? otherwise : parseInt(text.slice(at + label.length, at + label.length + 24), 10);
}

/**
 * All mappings of a process, in ascending order, with VmFlags. The kernel walks the page tables for it: about 15 ms for
 * each GiB of resident 4 KiB pages.
 * @throws ProcGone, for a zombie or a kernel thread too
 */
export function readMaps(pid: Pid): MapEntry[] {
  const entries: MapEntry[] = [];
  readMemoryParts(pid, 'smaps', wholeMappings, (text) => {
    for (const entry of parseMaps(text, procPath(pid, 'smaps'))) entries.push(entry);
  });
  return entries;
}

/** Up to the end of the last line of VmFlags, which closes a mapping. */
function wholeMappings(bytes: Buffer): number {
  for (let at = bytes.length; at > 0;) {
    at = bytes.lastIndexOf('\nVmFlags:', at - 1);
    const end = at < 0 ? -1 : bytes.indexOf(0x0a, at + 1);
    if (end >= 0) return end + 1;
  }
  return 0;
}

/** All mappings of a process, in ascending order, without looking at pages. @throws ProcGone */
export function readMapRanges(pid: Pid): MapRange[] {
  return parseMapRanges(readMemoryText(pid, 'maps'), procPath(pid, 'maps'));
}

/** Name of a mapping in /proc/PID/map_files (a link to the mapped file even when that is deleted). */
export function mapFilesName(range: { start: bigint; end: bigint }): string {
  return `${range.start.toString(16)}-${range.end.toString(16)}`;
}
