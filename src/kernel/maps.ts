import { ProcFileError, procPath, readProcText } from './proc-file.js';
import { PROT_EXEC, PROT_READ, PROT_WRITE } from './mman.js';

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
const HEADER =
  /^([0-9a-f]+)-([0-9a-f]+) ([r-])([w-])([x-])([sp]) ([0-9a-f]+) ([0-9a-f]+):([0-9a-f]+) (\d+)(?: +(.*))?$/s;

/** One line of /proc/PID/maps. */
function parseRange(line: string, source: string): MapRange {
  const m = HEADER.exec(line);
  if (!m) throw new ProcFileError(source, 'PROC_FORMAT', `not understood: ${JSON.stringify(line.slice(0, 200))}`);
  let path = m[11] ?? '';
  const deleted = path.endsWith(DELETED);
  if (deleted) path = path.slice(0, -DELETED.length);
  // fs/proc/task_mmu.c escapes newlines alone, not even the backslash
  if (path.includes('\\012')) path = path.replaceAll('\\012', '\n');
  return {
    start: BigInt(`0x${m[1]!}`),
    end: BigInt(`0x${m[2]!}`),
    prot: (m[3] === 'r' ? PROT_READ : 0) | (m[4] === 'w' ? PROT_WRITE : 0) | (m[5] === 'x' ? PROT_EXEC : 0),
    shared: m[6] === 's',
    offset: BigInt(`0x${m[7]!}`),
    devMajor: parseInt(m[8]!, 16),
    devMinor: parseInt(m[9]!, 16),
    inode: BigInt(m[10]!),
    path,
    deleted,
  };
}

/** The text of /proc/PID/maps. */
export function parseMapRanges(text: string, source = 'maps'): MapRange[] {
  const ranges: MapRange[] = [];
  for (const line of text.split('\n')) if (line) ranges.push(parseRange(line, source));
  return ranges;
}

/** The text of /proc/PID/smaps. */
export function parseMaps(text: string, source = 'smaps'): MapEntry[] {
  const entries: MapEntry[] = [];
  // Few combinations of flags occur, so that mappings share their sets.
  const flagSets = new Map<string, ReadonlySet<string>>();
  for (let at = 0; at < text.length; ) {
    const headerEnd = text.indexOf('\n', at);
    // VmFlags closes a block, and a newline in a path is escaped: nothing between needs to be looked at.
    const flagsAt = text.indexOf('\nVmFlags:', headerEnd);
    if (headerEnd < 0 || flagsAt < 0) throw new ProcFileError(source, 'PROC_FORMAT', 'ends in the middle of a mapping');
    let flagsEnd = text.indexOf('\n', flagsAt + 9);
    if (flagsEnd < 0) flagsEnd = text.length;
    const range = parseRange(text.slice(at, headerEnd), source);
    const flags = text.slice(flagsAt + 9, flagsEnd).trim();
    let vmFlags = flagSets.get(flags);
    if (!vmFlags) flagSets.set(flags, (vmFlags = new Set(flags ? flags.split(/ +/) : [])));
    const middle = text.slice(headerEnd, flagsAt);
    entries.push({
      ...range,
      vmFlags,
      pageSizeBytes: numberAfter(middle, '\nKernelPageSize:', 4) * 1024,
      protectionKey: numberAfter(middle, '\nProtectionKey:', 0),
    });
    at = flagsEnd + 1;
  }
  return entries;
}

function numberAfter(text: string, label: string, otherwise: number): number {
  const at = text.indexOf(label);
  return at < 0 ? otherwise : parseInt(text.slice(at + label.length, at + label.length + 24), 10);
}

/**
 * All mappings of a process, in ascending order, with VmFlags. The kernel walks the page tables for it: about 10 ms for
 * each GiB of resident 4 KiB pages. Empty for a zombie or a kernel thread.
 * @throws ProcGone
 */
export function readMaps(pid: number): MapEntry[] {
  return parseMaps(readProcText(pid, 'smaps'), procPath(pid, 'smaps'));
}

/** All mappings of a process, in ascending order, without looking at pages. @throws ProcGone */
export function readMapRanges(pid: number): MapRange[] {
  return parseMapRanges(readProcText(pid, 'maps'), procPath(pid, 'maps'));
}

/** VmFlags by start address, for who has the ranges already; costs what readMaps does. @throws ProcGone */
export function readVmFlags(pid: number): Map<bigint, ReadonlySet<string>> {
  return new Map(readMaps(pid).map((entry) => [entry.start, entry.vmFlags]));
}

/** Name of a mapping in /proc/PID/map_files (a link to the mapped file even when that is deleted). */
export function mapFilesName(range: { start: bigint; end: bigint }): string {
  return `${range.start.toString(16)}-${range.end.toString(16)}`;
}
