import { AioRings } from './aio.js';
import { Cgroups } from './cgroups.js';
import { treeShape } from './check-tree.js';
import { Clocks } from './clocks.js';
import type { DumpContext } from './context.js';
import { Cores } from './cores.js';
import { processor } from './cpuinfo.js';
import { DumpFiles } from './files/dump-files.js';
import { LinkedFiles } from './files/linked-files.js';
import { IpcNamespace } from './ipc-namespace.js';
import type { LookedAhead } from './look-ahead.js';
import { MemoryMaps } from './memory-maps.js';
import { namespaces } from './namespaces.js';
import { Places } from './places.js';
import { ProcessTree } from './process-tree.js';
import type { Resource } from './resource.js';
import { Seccomp } from './seccomp.js';
import { sharing } from './sharing.js';
import { ShmSegments } from './shm-segments.js';
import { TaskPages } from './task-pages.js';
import { UtsNamespace } from './uts-namespace.js';

/**
 * Everything that is dumped. At each hook the resources act in this order: ids of files are given away in it; pages may
 * keep a task's batch, and what looks whether rings stood still meanwhile comes behind them.
 */
function resourcesOf(ctx: DumpContext, ahead: LookedAhead): readonly Resource[] {
  const clocks = new Clocks(ctx);
  const seccomp = new Seccomp(ctx);
  const cgroups = new Cgroups(ctx);
  const files = new DumpFiles(ctx, ahead);
  const linked = new LinkedFiles(files);
  const places = new Places(ctx, linked);
  const ipc = new IpcNamespace(ctx);
  const uts = new UtsNamespace(ctx);
  const segments = new ShmSegments(ctx, ipc);
  const rings = new AioRings(ctx);
  const maps = new MemoryMaps(ctx, linked, segments, rings, ahead.openModes);
  return [
    treeShape(ctx),
    namespaces(ctx),
    sharing(ctx),
    clocks,
    ipc,
    uts,
    cgroups,
    processor(ctx),
    files,
    files.connections,
    places,
    new Cores(ctx, cgroups, seccomp, ahead.standIns),
    seccomp,
    maps,
    segments,
    new ProcessTree(ctx, files, places, [clocks, ipc, uts]),
    rings,
    new TaskPages(ctx, maps, ahead.room),
    rings.idle,
  ];
}

/** The resources of one dump. */
export class Resources implements Disposable {
  readonly #all: readonly Resource[];

  constructor(ctx: DumpContext, ahead: LookedAhead) {
    this.#all = resourcesOf(ctx, ahead);
  }

  each(act: (resource: Resource) => void): void {
    for (const resource of this.#all) act(resource);
  }

  [Symbol.dispose](): void {
    for (const resource of this.#all.toReversed()) resource[Symbol.dispose]?.();
  }
}
