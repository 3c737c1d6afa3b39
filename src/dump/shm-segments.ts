import { closeSync, openSync } from 'node:fs';
import { CritError } from '../image/errors.js';
import { PAGE_SIZE } from '../image/vma-status.js';
import { readIpcSysctl } from '../kernel/proc/ipc-sysctls.js';
import { mapFilesName, type MapEntry } from '../kernel/proc/maps.js';
import { SHM_HUGETLB, SHM_RDONLY } from '../kernel/uapi/mman.js';
import { readShmSegments, type ShmSegment } from '../kernel/proc/sysvipc.js';
import type { Pid } from '../image/pid.js';
import { sys, sysRaw } from '../native/sys.js';
import type { DumpContext } from './context.js';
import { ipcDesc, type IpcNamespace } from './ipc-namespace.js';
import { hugeFlagOf } from './memory-objects.js';
import { statPath } from './files/file-stat.js';
import type { Resource } from './resource.js';
import { dumpShmem } from './shmem.js';

interface Segment {
  readonly segment: ShmSegment;
  readonly hugeFlag: number;
}

interface Attached extends Segment {
  /** crit's own descriptor of its memory. */
  readonly fd: number;
  mappings: number;
}

/**
 * System V shared memory: segments, which outlive the tree or not, and their content. Those that processes of the tree have
 * attached, and all those of an IPC namespace of the tree's own.
 */
export class ShmSegments implements Resource {
  readonly name = 'System V shared memory';
  readonly #ctx: DumpContext;
  readonly #attached = new Map<number, Attached>();
  readonly #ipc: IpcNamespace;
  readonly #idle: Segment[] = [];
  #all: ReadonlyMap<number, ShmSegment> | undefined;

  constructor(ctx: DumpContext, ipc: IpcNamespace) {
    this.#ctx = ctx;
    this.#ipc = ipc;
  }

  /** Notes a mapping. @returns the id of its segment @throws CritError UNSUPPORTED */
  add(pid: Pid, map: MapEntry): number {
    const id = Number(map.inode);
    let known = this.#attached.get(id);
    if (!known) {
      this.#all ??= this.#ipc.inside(readShmSegments);
      const segment = this.#all.get(id);
      const path = `/proc/${pid}/map_files/${mapFilesName(map)}`;
      const stat = statPath(path);
      if (!segment || !stat)
        throw new CritError(
          `process ${pid}, mapping ${mapFilesName(map)} ${map.path}: its segment of System V shared memory is not in its IPC namespace: not supported`,
          { code: 'UNSUPPORTED' },
        );
      known = { segment, fd: openSync(path, 'r'), hugeFlag: hugeFlagOf(stat), mappings: 0 };
      this.#attached.set(id, known);
    }
    known.mappings++;
    return id;
  }

  known(): void {
    if (this.#ctx.running) return;
    for (const { segment, mappings } of this.#attached.values())
      if (segment.attached < mappings)
        this.#ctx.refuse(
          new CritError(
            `a segment of System V shared memory with the id ${segment.id} is mapped that is not in the tree's IPC namespace: not supported`,
            { code: 'UNSUPPORTED' },
          ),
        );
      else if (segment.attached > mappings)
        this.#ctx.refuse(
          new CritError(
            `the System V shared memory segment ${segment.id} (key 0x${segment.key.toString(16)}) has ${segment.attached} mappings, of which ${mappings} are those of the tree: dump all processes that have attached it`,
            { code: 'UNSUPPORTED' },
          ),
        );
  }

  last(): void {
    if (this.#ipc.own) this.#ipc.inside(() => this.#dumpIdle());
    for (const { segment, fd, hugeFlag } of this.#attached.values())
      dumpShmem(this.#ctx, segment.id, fd, hugeFlag !== 0);
  }

  /** Segments that nobody has attached: crit does, for a moment, as only attached ones can be read. */
  #dumpIdle(): void {
    for (const segment of readShmSegments().values()) {
      const { id, sizeBytes } = segment;
      if (this.#attached.has(id)) continue;
      if (readIpcSysctl('shm_rmid_forced')?.[0])
        throw new CritError(
          `the System V shared memory segment ${id} is attached by nobody, and lives only as long as process ${segment.cpid} that made it (kernel.shm_rmid_forced): not supported`,
          { code: 'UNSUPPORTED' },
        );
      const at = sys('shmat', id, 0, SHM_RDONLY);
      try {
        const end = at + Math.ceil(sizeBytes / PAGE_SIZE) * PAGE_SIZE;
        const path = `/proc/self/map_files/${at.toString(16)}-${end.toString(16)}`;
        const hugeFlag = hugeFlagOf(statPath(path)!);
        const fd = openSync(path, 'r');
        try {
          dumpShmem(this.#ctx, id, fd, hugeFlag !== 0);
        } finally {
          closeSync(fd);
        }
        this.#idle.push({ segment, hugeFlag });
      } finally {
        sysRaw('shmdt', at);
      }
    }
  }

  write(): void {
    if (this.#attached.size === 0 && !this.#ipc.own) return;
    this.#ctx.write(
      'IPCNS_SHM',
      this.#ipc.id,
      [...this.#attached.values(), ...this.#idle].map(({ segment, hugeFlag }) => {
        const { sizeBytes, cpid, changedSec } = segment;
        return {
          message: {
            desc: ipcDesc(segment),
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
