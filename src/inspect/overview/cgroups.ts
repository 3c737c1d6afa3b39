import type { TolerantImages } from '../tolerant-images.js';

/** A set of cgroups that threads are in. */
export interface CgroupSet {
  readonly id: number;
  /** The cgroups of the tool that dumped. */
  readonly isEngines: boolean;
  readonly members: readonly {
    /** Controllers of the hierarchy; "unified" is that of cgroup v2. */
    readonly hierarchy: string;
    readonly path: string;
  }[];
}

/** The cgroup sets of a checkpoint, which threads refer to by number; none where cgroups were not dumped. */
export function cgroupSets(images: TolerantImages): readonly CgroupSet[] {
  const own = images.first('INVENTORY')?.root_cg_set;
  return (images.first('CGROUP')?.sets ?? []).map(({ id, ctls }) => ({
    id,
    isEngines: id === own,
    members: (ctls ?? []).map(({ name, path }) => ({ hierarchy: name === '' ? 'unified' : name, path })),
  }));
}
