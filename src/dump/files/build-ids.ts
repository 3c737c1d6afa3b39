import { closeSync, fstatSync, openSync } from 'node:fs';
import { buildIdWords, readBuildId } from '../../kernel/build-id.js';
import { readFds } from '../../kernel/proc/fd-links.js';
import { mapFilesName, type MapRange } from '../../kernel/proc/maps.js';
import { AT_FDCWD, O_CLOEXEC, O_NOCTTY, O_NONBLOCK } from '../../kernel/uapi/open-flags.js';
import { S_IFMT, S_IFREG, STAT_BYTES } from '../../kernel/uapi/stat.js';
import { askAll } from '../../task/own.js';
import { StatRecord, type FileStat } from './file-stat.js';
import type { OpenFile } from './open-file.js';

interface Known {
  readonly sizeBytes: bigint;
  readonly mtime: bigint;
  readonly words: readonly number[] | undefined;
}

/** By device and inode. */
const known = new Map<string, Known>();
const keyOf = ({ dev, ino }: Pick<FileStat, 'dev' | 'ino'>) => `${dev}:${ino}`;
const timeOf = ({ mtime }: FileStat) => mtime.sec * 1_000_000_000n + mtime.nsec;

/** An ELF file is not smaller; what takes no block is a file of the kernel's, which reading may change. */
const mayHaveOne = (stat: FileStat) => (stat.mode & S_IFMT) === S_IFREG && stat.sizeBytes > 64n && stat.blocks > 0n;

/** Only what was none before is taken for none still: most files are no programs, and many are being written. */
function isKnown(stat: FileStat): Known | undefined {
  const one = known.get(keyOf(stat));
  if (one?.words && (one.sizeBytes !== stat.sizeBytes || one.mtime !== timeOf(stat))) return undefined;
  return one;
}

function learn(stat: FileStat, path: string): readonly number[] | undefined {
  const fd = openSync(path, O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
  try {
    const there = fstatSync(fd, { bigint: true });
    if (!there.isFile() || there.dev !== stat.dev || there.ino !== stat.ino) return undefined;
    const id = readBuildId(fd, Number(stat.sizeBytes));
    const words = id && buildIdWords(id);
    known.set(keyOf(stat), { sizeBytes: stat.sizeBytes, mtime: timeOf(stat), words });
    return words;
  } finally {
    closeSync(fd);
  }
}

/** The build-id of an open file, for reg_file_entry.build_id; most were learned before the stop. */
export function buildIdOf(file: OpenFile): readonly number[] | undefined {
  if (!mayHaveOne(file.stat)) return undefined;
  const one = isKnown(file.stat);
  if (one) return one.words;
  const fd = file.open();
  try {
    // the task's own descriptor may be for writing only
    return learn(file.stat, `/proc/self/fd/${fd}`);
  } catch {
    return undefined; // one that cannot be read is told by its size
  } finally {
    closeSync(fd);
  }
}

/** Learns the build-ids of what a process has mapped and open, while it runs. */
export function lookAtBuildIds(pid: number, maps: readonly MapRange[]): void {
  const paths = new Set<string>();
  const inodes = new Set<string>();
  for (const map of maps) {
    const inode = `${map.devMajor}:${map.devMinor}:${map.inode}`;
    if (map.inode === 0n || inodes.has(inode)) continue;
    inodes.add(inode);
    paths.add(`/proc/${pid}/map_files/${mapFilesName(map)}`);
  }
  for (const fd of readFds(pid)) paths.add(`/proc/${pid}/fd/${fd}`);
  const stats = askAll([...paths], (b, path) => {
    b.reserve(1, STAT_BYTES + path.length + 64);
    const out = b.out(STAT_BYTES);
    const stated = b.tryCall('newfstatat', AT_FDCWD, path, out, 0);
    return () => ({ path, stat: stated.value < 0 ? undefined : new StatRecord(out.view) });
  });
  for (const { path, stat } of [...stats]) {
    if (!stat || !mayHaveOne(stat) || isKnown(stat)) continue;
    try {
      learn(stat, path);
    } catch {
      // it was closed, or cannot be read
    }
  }
}
