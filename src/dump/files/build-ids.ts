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

const keyOf = ({ dev, ino }: Pick<FileStat, 'dev' | 'ino'>) => `${dev}:${ino}`;
const timeOf = ({ mtime }: FileStat) => mtime.sec * 1_000_000_000n + mtime.nsec;

/** An ELF file is not smaller; what takes no block is a file of the kernel's, which reading may change. */
const mayHaveOne = (stat: FileStat) => (stat.mode & S_IFMT) === S_IFREG && stat.sizeBytes > 64n && stat.blocks > 0n;

/** The build-ids of the programs and libraries of a tree (reg_file_entry.build_id); most are learned before the stop. */
export class BuildIds {
  /** By device and inode. */
  readonly #known = new Map<string, Known>();

  /** Of an open file. */
  of(file: OpenFile): readonly number[] | undefined {
    if (!mayHaveOne(file.stat)) return undefined;
    const one = this.#find(file.stat);
    if (one) return one.words;
    const fd = file.open();
    try {
      // the task's own descriptor may be for writing only
      return this.#learn(file.stat, `/proc/self/fd/${fd}`);
    } catch {
      return undefined; // one that cannot be read is told by its size
    } finally {
      closeSync(fd);
    }
  }

  /** Learns those of what a process has mapped and open, while it runs. */
  look(pid: number, maps: readonly MapRange[]): void {
    for (const { path, stat } of statsOf(pid, maps)) {
      if (!stat || !mayHaveOne(stat) || this.#find(stat)) continue;
      try {
        this.#learn(stat, path);
      } catch {
        // it was closed, or cannot be read
      }
    }
  }

  /** Only what was none before is taken for none still: most files are no programs, and many are being written. */
  #find(stat: FileStat): Known | undefined {
    const one = this.#known.get(keyOf(stat));
    if (one?.words && (one.sizeBytes !== stat.sizeBytes || one.mtime !== timeOf(stat))) return undefined;
    return one;
  }

  #learn(stat: FileStat, path: string): readonly number[] | undefined {
    const fd = openSync(path, O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    try {
      const there = fstatSync(fd, { bigint: true });
      if (!there.isFile() || there.dev !== stat.dev || there.ino !== stat.ino) return undefined;
      const id = readBuildId(fd, Number(stat.sizeBytes));
      const words = id && buildIdWords(id);
      this.#known.set(keyOf(stat), { sizeBytes: stat.sizeBytes, mtime: timeOf(stat), words });
      return words;
    } finally {
      closeSync(fd);
    }
  }
}

/** What a process has mapped and open. */
function statsOf(pid: number, maps: readonly MapRange[]): { path: string; stat: FileStat | undefined }[] {
  const paths = new Set<string>();
  const inodes = new Set<string>();
  for (const map of maps) {
    const inode = `${map.devMajor}:${map.devMinor}:${map.inode}`;
    if (map.inode === 0n || inodes.has(inode)) continue;
    inodes.add(inode);
    paths.add(`/proc/${pid}/map_files/${mapFilesName(map)}`);
  }
  for (const fd of readFds(pid)) paths.add(`/proc/${pid}/fd/${fd}`);
  return [
    ...askAll([...paths], (b, path) => {
      b.reserve(1, STAT_BYTES + path.length + 64);
      const out = b.out(STAT_BYTES);
      const stated = b.tryCall('newfstatat', AT_FDCWD, path, out, 0);
      return () => ({ path, stat: stated.value < 0 ? undefined : new StatRecord(out.view) });
    }),
  ];
}
