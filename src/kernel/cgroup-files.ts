import type { CgroupProps } from '../image/cgroup-mode.js';

/** The controller of what all groups of version 1 have, or of version 2: cgroups(7), admin-guide/cgroup-v2.rst. */
const CORE_V1 = 'cgroup';
const CORE_V2 = '';

/**
 * Files of control groups that hold settings, by their controllers, in the order in which they can be written; some are
 * not there, depending on the kernel. What groups only report is not among them, nor `release_agent`, which names a
 * program that the kernel runs. Those of version 2 follow the name of the file: "memory.max" is of "memory".
 */
const FILES: Readonly<Record<string, readonly string[]>> = {
  [CORE_V1]: ['cgroup.clone_children', 'notify_on_release', 'cgroup.procs', 'tasks'],
  [CORE_V2]: [
    'cgroup.subtree_control',
    'cgroup.max.descendants',
    'cgroup.max.depth',
    'cgroup.freeze',
    'cgroup.type',
    'cgroup.procs',
    'cgroup.threads',
    'cpu.weight',
    'cpu.idle',
    'cpu.max',
    'cpu.max.burst',
    'cpu.uclamp.min',
    'cpu.uclamp.max',
    'cpuset.cpus',
    'cpuset.mems',
    'cpuset.cpus.partition',
    'io.weight',
    'io.max',
    'io.latency',
    'io.prio.class',
    'memory.min',
    'memory.low',
    'memory.high',
    'memory.max',
    'memory.swap.high',
    'memory.swap.max',
    'memory.zswap.max',
    'memory.oom.group',
    'pids.max',
    'hugetlb.2MB.max',
    'hugetlb.2MB.rsvd.max',
    'hugetlb.1GB.max',
    'hugetlb.1GB.rsvd.max',
    'rdma.max',
    'misc.max',
  ],
  cpu: ['cpu.shares', 'cpu.cfs_period_us', 'cpu.cfs_quota_us', 'cpu.rt_period_us', 'cpu.rt_runtime_us', 'cpu.idle'],
  memory: [
    'memory.use_hierarchy',
    'memory.limit_in_bytes',
    'memory.memsw.limit_in_bytes',
    'memory.swappiness',
    'memory.soft_limit_in_bytes',
    'memory.move_charge_at_immigrate',
    'memory.oom_control',
    'memory.kmem.limit_in_bytes',
    'memory.kmem.tcp.limit_in_bytes',
  ],
  cpuset: [
    'cpuset.cpus',
    'cpuset.mems',
    'cpuset.memory_migrate',
    'cpuset.cpu_exclusive',
    'cpuset.mem_exclusive',
    'cpuset.mem_hardwall',
    'cpuset.memory_spread_page',
    'cpuset.memory_spread_slab',
    'cpuset.sched_load_balance',
    'cpuset.sched_relax_domain_level',
  ],
  blkio: ['blkio.weight', 'blkio.bfq.weight'],
  hugetlb: ['hugetlb.2MB.limit_in_bytes', 'hugetlb.1GB.limit_in_bytes'],
  net_cls: ['net_cls.classid'],
  net_prio: ['net_prio.ifpriomap'],
  pids: ['pids.max'],
  devices: ['devices.list'],
  rdma: ['rdma.max'],
  misc: ['misc.max'],
};

/** What keeps tasks out of a group until it is set: written as soon as the group is made, before tasks enter. */
export const BEFORE_TASKS: ReadonlySet<string> = new Set([
  'cgroup.subtree_control',
  'cgroup.type',
  'cpuset.cpus',
  'cpuset.mems',
  'devices.list',
  'memory.kmem.limit_in_bytes',
  'memory.oom_control',
  'memory.swappiness',
  'memory.use_hierarchy',
]);

/** What stops the tasks of a group: written when the tree runs. */
export const FREEZERS: ReadonlySet<string> = new Set(['freezer.state', 'cgroup.freeze']);

/** Files that list the tasks of a group: only who owns them is kept. */
export const TASK_LISTS: ReadonlySet<string> = new Set(['cgroup.procs', 'cgroup.threads', 'tasks']);

/**
 * The files of a group that are kept.
 * @param controllers of the hierarchy, as /proc/PID/cgroup names them ("" for version 2)
 */
export function cgroupFiles(controllers: readonly string[], props: CgroupProps, only: ReadonlySet<string>): string[] {
  const core = controllers[0] === CORE_V2 ? CORE_V2 : CORE_V1;
  const files = [core, ...controllers.filter((name) => name !== core)].flatMap((name) => {
    if (name !== core && only.size > 0 && !only.has(name)) return [];
    const asked = props.get(name);
    return asked?.replace ? asked.files : [...(FILES[name] ?? []), ...(asked?.files ?? [])];
  });
  return [...new Set(files)];
}

/** Whether an image may set a file of a group: no other file is written, whatever the images say. */
export function isCgroupFile(name: string, props: CgroupProps): boolean {
  return (
    name === 'freezer.state' ||
    Object.values(FILES).some((files) => files.includes(name)) ||
    [...props.values()].some(({ files }) => files.includes(name))
  );
}
