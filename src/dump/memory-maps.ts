import type { Messages, VmaEntry } from '../image/generated/messages.js';
import { seenByTask, type Pid } from '../image/pid.js';
import type { MapEntry } from '../kernel/proc/maps.js';
import type { Batch } from '../task/batch.js';
import type { DumpContext, DumpTask } from './context.js';
import type { LinkedFiles } from './files/linked-files.js';
import type { AioRings } from './aio.js';
import { askMm, guardEntry } from './mm.js';
import type { OpenModes } from './open-modes.js';
import type { GuardRange } from './pages.js';
import { attempt, type Resource } from './resource.js';
import type { ShmSegments } from './shm-segments.js';
import { describeVmas, UPROBES, type DumpVma } from './vmas.js';

interface MemoryMap {
  readonly vmas: readonly DumpVma[];
  readonly exeId: number;
  readonly guards: GuardRange[];
  mm?: Messages['mm_entry'];
}

/** What is mapped where (mm.img): mappings, program, break, NUMA policies. */
export class MemoryMaps implements Resource {
  readonly name = 'memory map';
  readonly #ctx: DumpContext;
  readonly #linked: LinkedFiles;
  readonly #modes: OpenModes;
  readonly #segments: ShmSegments;
  readonly #rings: AioRings;
  readonly #of = new Map<Pid, MemoryMap>();
  readonly #mappedRings: { readonly pid: Pid; readonly map: MapEntry; readonly entry: VmaEntry }[] = [];
  #uprobes = false;

  constructor(ctx: DumpContext, linked: LinkedFiles, segments: ShmSegments, rings: AioRings, modes: OpenModes) {
    this.#rings = rings;
    this.#segments = segments;
    this.#ctx = ctx;
    this.#linked = linked;
    this.#modes = modes;
  }

  look(task: DumpTask): void {
    const { pid, maps } = task;
    const describe = (some: DumpTask['maps']) =>
      describeVmas(
        pid,
        some,
        this.#modes,
        (map) => this.#linked.ofMapping(pid, map),
        (map) => this.#segments.add(pid, map),
        this.#ctx.options.allowUprobes,
        (map, entry) => this.#mappedRings.push({ pid, map, entry }),
      );
    this.#uprobes ||= maps.some((map) => map.path === UPROBES);
    if (this.#ctx.running) {
      for (const map of maps)
        attempt(this.#ctx.refuse, () => {
          describe([map]);
        });
      this.#exeOf(pid);
    } else this.#of.set(pid, { vmas: describe(maps), exeId: this.#exeOf(pid), guards: [] });
  }

  known(): void {
    for (const { pid, map, entry } of this.#mappedRings)
      attempt(this.#ctx.refuse, () => {
        entry.shmid = BigInt(this.#linked.ringOf(pid, map));
      });
  }

  /** The program that a process runs. @returns its id, for mm_entry.exe_file_id */
  #exeOf(pid: Pid): number {
    return this.#linked.of(`/proc/${pid}/exe`, `process ${pid}, program`).id;
  }

  vmasOf(pid: Pid): readonly DumpVma[] {
    return this.#of.get(pid)!.vmas;
  }

  /** Guard pages are found with the pages. */
  addGuards(pid: Pid, guards: readonly GuardRange[]): void {
    this.#of.get(pid)!.guards.push(...guards);
  }

  ask(task: DumpTask, b: Batch): () => void {
    const map = this.#of.get(task.pid)!;
    const mm = askMm(task, map.vmas, b);
    return () => {
      map.mm = mm(map.exeId);
    };
  }

  write(): void {
    for (const [pid, { mm, guards }] of this.#of) {
      // guard pages follow the mappings, whatever their address: CRIU's restore counts on it
      const vmas = [...(mm!.vmas ?? []), ...guards.map(guardEntry)];
      this.#ctx.write('MM', seenByTask(pid), [{ message: { ...mm!, aios: this.#rings.entriesOf(pid), vmas } }]);
    }
  }

  inventory(): Partial<Messages['inventory_entry']> {
    return this.#uprobes ? { allow_uprobes: true } : {};
  }
}
