import { lstatSync } from 'node:fs';
import { mapFilesName, type MapRange } from '../kernel/proc/maps.js';
import { O_RDONLY, O_RDWR, O_WRONLY } from '../kernel/uapi/open-flags.js';

/**
 * How mapped files were opened: the mode bits of their map_files links (proc_pid_map_files(5)). What was looked at before
 * the stop counts in it, as long as the same process has the same file at the same place.
 */
export class OpenModes {
  readonly #known = new Map<string, number>();

  /** Looks at a process's mapped files while it still runs: one call a mapping less in the stop. */
  look(pid: number, maps: readonly MapRange[]): void {
    for (const map of maps) if (map.inode !== 0n) this.of(pid, map);
  }

  /** O_RDONLY, O_WRONLY or O_RDWR. */
  of(pid: number, map: MapRange): number {
    const place = mapFilesName(map);
    const key = `${pid} ${place} ${map.offset} ${map.devMajor}:${map.devMinor}:${map.inode} ${map.shared}`;
    let flags = this.#known.get(key);
    if (flags === undefined) {
      const mode = lstatSync(`/proc/${pid}/map_files/${place}`).mode & 0o600;
      flags = mode === 0o600 ? O_RDWR : mode === 0o200 ? O_WRONLY : O_RDONLY;
      this.#known.set(key, flags);
    }
    return flags;
  }
}
