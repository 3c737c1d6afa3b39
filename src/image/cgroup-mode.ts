/** What crit does about control groups (--manage-cgroups): nothing, or put tasks back into those that are there. */
export type CgroupMode = 'ignore' | 'soft';
