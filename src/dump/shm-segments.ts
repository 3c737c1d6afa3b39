import { closeSync, openSync } from 'node:fs';
import { CritError } from '../image/errors.js';
import { NAMESPACES } from '../image/namespaces.js';
import { mapFilesName, type MapEntry } from '../kernel/proc/maps.js';
import { SHM_HUGETLB } from '../kernel/uapi/mman.js';
import { readShmSegments, type ShmSegment } from '../kernel/proc/sysvipc.js';
import type { Pid } from '../image/pid.js';
import type { DumpContext } from './context.js';
import { hugeFlagOf } from './memory-objects.js';
import { statPath } from './files/file-stat.js';
import type { Resource } from './resource.js';
import { dumpShmem } from './shmem.js';

interface Attached {
  readonly segment: ShmSegment;
  /** crit's own descriptor of its memory. */
  readonly fd: number;
  readonly hugeFlag: number;
  mappings: number;
}

/**
 * System V shared memory that processes of the tree have attached, in crit's own IPC namespace: segments, which outlive
 * the tree or not, and their content.
 */
export class ShmSegments implements Resource {
  readonly name = 'System V shared memory';
  readonly #ctx: DumpContext;
  readonly #attached = new Map<number, Attached>();
  #all: ReadonlyMap<number, ShmSegment> | undefined;

  constructor(ctx: DumpContext) {
    this.#ctx = ctx;
  }

  /** Notes a mapping. @returns the id of its segment @throws CritError UNSUPPORTED */
  add(pid: Pid, map: MapEntry): number {
    const id = Number(map.inode);
    let known = this.#attached.get(id);
    if (!known) {
      this.#all ??= readShmSegments();
      const segment = this.#all.get(id);
      const path = `/proc/${pid}/map_files/${mapFilesName(map)}`;
      const stat = statPath(path);
      if (!segment || !stat)
        throw new CritError(
          `process ${pid}, mapping ${mapFilesName(map)} ${map.path}: its segment of System V shared memory is not in crit's IPC namespace: not supported yet`,
          { code: 'UNSUPPORTED' },
        );
      known = { segment, fd: openSync(path, 'r'), hugeFlag: hugeFlagOf(stat), mappings: 0 };
      this.#attached.set(id, known);
    }
    known.mappings++;
    return id;
  }

  known(): void {
    for (const { segment, mappings } of this.#attached.values())
      if (segment.attached > mappings && !this.#ctx.running)
        this.#ctx.refuse(
          new CritError(
            `the System V shared memory segment ${segment.id} (key 0x${segment.key.toString(16)}) has ${segment.attached} mappings, of which ${mappings} are those of the tree: dump all processes that have attached it`,
            { code: 'UNSUPPORTED' },
          ),
        );
  }

  last(): void {
    for (const { segment, fd, hugeFlag } of this.#attached.values())
      dumpShmem(this.#ctx, segment.id, fd, hugeFlag !== 0);
  }

  write(): void {
    if (this.#attached.size === 0) return;
    this.#ctx.write(
      'IPCNS_SHM',
      NAMESPACES.ipc.host,
      [...this.#attached.values()].map(({ segment, hugeFlag }) => {
        const { key, id, mode, uid, gid, cuid, cgid, sizeBytes, cpid, changedSec } = segment;
        return {
          message: {
            desc: { key, uid, gid, cuid, cgid, mode, id },
            size: BigInt(sizeBytes),
            in_pagemaps: true,
            ...(hugeFlag && { hugetlb_flag: SHM_HUGETLB | hugeFlag }),
            cpid,
            ctime: changedSec,
          },
        };
      }),
    );
  }

  [Symbol.dispose](): void {
    for (const { fd } of this.#attached.values()) closeSync(fd);
    this.#attached.clear();
  }
}
