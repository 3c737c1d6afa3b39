/**
 * What a restore does about control groups (--manage-cgroups of criu(8)); a dump knows only whether it is "ignore".
 *
 * - ignore: nothing, tasks stay where crit is;
 * - none: tasks go back into their groups, which must be there, and nothing of these is changed;
 * - props: as none, and the groups get the properties of the images;
 * - soft: groups that are gone are made anew with their properties, others are left as they are;
 * - full: as soft, and all groups get the properties of the images;
 * - strict: all groups are made anew, and must not be there.
 */
export const CGROUP_MODES = ['ignore', 'none', 'props', 'soft', 'full', 'strict'] as const;
export type CgroupMode = (typeof CGROUP_MODES)[number];

/** What else is asked about control groups; the names of the options are those of criu(8). */
export interface CgroupOptions {
  readonly mode: CgroupMode;
  /** --cgroup-root: where the groups of a hierarchy begin, by one of its controllers; ANY_CONTROLLER for all others. */
  readonly roots: ReadonlyMap<string, string>;
  /** --cgroup-yard: a directory in which all hierarchies are mounted, each under its name. */
  readonly yard: string | undefined;
  /** --cgroup-props: what is kept of a controller instead of crit's own list, or besides it. */
  readonly props: CgroupProps;
  /** --cgroup-dump-controller: keep the properties of these alone; of all when there are none. */
  readonly only: ReadonlySet<string>;
}

export const ANY_CONTROLLER = '*';

/** Files of a controller's groups, by the controller. */
export type CgroupProps = ReadonlyMap<string, { readonly replace: boolean; readonly files: readonly string[] }>;

export const CGROUP_DEFAULTS: CgroupOptions = {
  mode: 'soft',
  roots: new Map(),
  yard: undefined,
  props: new Map(),
  only: new Set(),
};
