import { imageFileName } from '../../image/catalogue.js';
import { commFault, groupsFault, limitFault, nameFault } from '../../image/core-faults.js';
import { CoreEntryMarch, SeccompMode, type CoreEntry } from '../../image/generated/messages.js';
import { stateFault } from '../../image/task-state.js';
import { RLIM_INFINITY, rlimitName } from '../../kernel/uapi/resource.js';
import { NSIG, SIGINFO_BYTES } from '../../kernel/uapi/signal.js';
import { SIGEV_THREAD_ID } from '../../kernel/uapi/time.js';
import type { CheckedTask, CheckedThread } from './checked-task.js';
import type { CheckedSet } from './checked-set.js';
import { DUMP_AGAIN, type Rule } from './finding.js';

/** Signals that have an action: all but SIGKILL and SIGSTOP; MIPS has 128. */
const NR_ACTIONS = 62;
const NSEC = 1_000_000_000n;
const USEC = 1_000_000n;

/** Where each machine type has its registers. */
const REGISTERS: Readonly<Record<number, keyof CoreEntry | undefined>> = {
  [CoreEntryMarch.X86_64]: 'thread_info',
  [CoreEntryMarch.ARM]: 'ti_arm',
  [CoreEntryMarch.AARCH64]: 'ti_aarch64',
  [CoreEntryMarch.PPC64]: 'ti_ppc64',
  [CoreEntryMarch.S390]: 'ti_s390',
  [CoreEntryMarch.MIPS]: 'ti_mips',
  [CoreEntryMarch.LOONGARCH64]: 'ti_loongarch64',
  [CoreEntryMarch.RISCV64]: 'ti_riscv64',
};

type Fault = readonly [field: string, cause: string];

/** A rule about the core of each thread. */
const coreRule = (
  code: Rule['code'],
  checks: string,
  faults: (thread: CheckedThread, task: CheckedTask, set: CheckedSet) => Iterable<Fault>,
  more: Partial<Rule> = {},
): Rule => ({
  code,
  severity: 'error',
  checks,
  todo: DUMP_AGAIN,
  task: (task, report, set) => {
    for (const thread of task.threads)
      for (const [field, cause] of faults(thread, task, set)) report({ image: thread.image, entry: 0, field }, cause);
  },
  ...more,
});

const limit = (value: bigint) => (value === RLIM_INFINITY ? 'unlimited' : String(value));

/** Processes and threads. */
export const coreRules: readonly Rule[] = [
  coreRule('V_CORE_STATE', 'a task is alive, stopped or a zombie', function* ({ core, tid }, { pid }) {
    const fault = tid === pid ? stateFault(core.tc?.task_state) : undefined;
    if (fault !== undefined) yield ['tc.task_state', fault];
  }),
  coreRule('V_CORE_REGISTERS', 'each thread has the registers of its machine type', function* ({ core }) {
    const field = REGISTERS[core.mtype];
    if (!field) yield ['mtype', `${core.mtype} is no machine type`];
    else if (core[field] === undefined) yield [field, 'the registers are missing'];
    if (core.thread_core === undefined) yield ['thread_core', 'the state of the thread is missing'];
  }),
  coreRule(
    'V_CORE_NAME',
    'a name has at most 15 bytes, and where it stands twice, it is the same',
    function* ({ core }) {
      for (const fault of [nameFault(core), commFault(core)])
        if (fault !== undefined) yield [core.tc === undefined ? 'thread_core.comm' : 'tc.comm', fault];
    },
    { todo: 'give it a name that fits, in both places' },
  ),
  coreRule(
    'V_CORE_CREDS',
    'capabilities are within those that are permitted; groups are no more than a process may have',
    function* ({ core }) {
      const creds = core.thread_core?.creds;
      if (!creds) return;
      const groups = groupsFault(core);
      if (groups !== undefined) yield ['thread_core.creds.groups', groups];
      for (const [field, words, within] of [
        ['cap_eff', creds.cap_eff, creds.cap_prm],
        ['cap_amb', creds.cap_amb, creds.cap_prm],
        ['cap_amb', creds.cap_amb, creds.cap_inh],
      ] as const)
        if (words?.some((word, i) => word & ~(within?.[i] ?? 0)))
          yield [`thread_core.creds.${field}`, 'has capabilities that are not permitted'];
    },
  ),
  coreRule('V_CORE_LIMITS', 'no soft limit is above its hard limit', function* ({ core }) {
    for (const [i, entry] of (core.tc?.rlimits?.rlimits ?? []).entries()) {
      const fault = limitFault(entry, limit);
      if (fault !== undefined) yield [`tc.rlimits.rlimits[${i}]`, `${rlimitName(i)}: ${fault}`];
    }
  }),
  coreRule(
    'V_CORE_ACTIONS',
    'there is an action for each signal that can have one',
    function* ({ core, tid }, { pid }, set) {
      const actions = core.tc?.sigactions;
      if (tid !== pid || core.mtype === CoreEntryMarch.MIPS) return;
      if (!actions?.length) set.mustHave('SIGACT', pid, `${imageFileName('CORE', pid)} has no signal actions`);
      else if (actions.length !== NR_ACTIONS)
        yield ['tc.sigactions', `there are ${actions.length}, ${NR_ACTIONS} must be`];
    },
  ),
  coreRule('V_CORE_PENDING', 'a pending signal has its 128 bytes', function* ({ core }) {
    for (const [field, queue] of [
      ['tc.signals_s', core.tc?.signals_s],
      ['thread_core.signals_p', core.thread_core?.signals_p],
    ] as const)
      for (const [i, { siginfo }] of (queue?.signals ?? []).entries())
        if (siginfo.length !== SIGINFO_BYTES) yield [`${field}.signals[${i}].siginfo`, `has ${siginfo.length} bytes`];
  }),
  coreRule(
    'V_CORE_TIMERS',
    'a timer has an id of its own, a signal, and a thread of the task that it tells',
    function* ({ core }, { entry }) {
      const known = new Set<number>();
      for (const [i, timer] of (core.tc?.timers?.posix ?? []).entries()) {
        const field = (name: string) => `tc.timers.posix[${i}].${name}`;
        if (known.has(timer.it_id)) yield [field('it_id'), `timer ${timer.it_id} is there twice`];
        known.add(timer.it_id);
        if (timer.si_signo > NSIG) yield [field('si_signo'), `${timer.si_signo} is no signal`];
        const { notify_thread_id: tid } = timer;
        if (timer.it_sigev_notify === SIGEV_THREAD_ID && tid && !(entry.threads ?? []).includes(tid))
          yield [field('notify_thread_id'), `task ${entry.pid} has no thread ${tid}`];
        if (timer.insec >= NSEC || timer.vnsec >= NSEC) yield [field('vnsec'), 'is more than a second'];
      }
      for (const name of ['real', 'virt', 'prof'] as const) {
        const { iusec = 0n, vusec = 0n } = core.tc?.timers?.[name] ?? {};
        if (iusec >= USEC || vusec >= USEC) yield [`tc.timers.${name}.vusec`, 'is more than a second'];
      }
    },
  ),
  coreRule('V_CORE_SECCOMP', 'a thread in filter mode has its filter in seccomp.img', function* ({ core }, _task, set) {
    const { seccomp_mode, seccomp_filter } = core.thread_core ?? {};
    if ((seccomp_mode ?? core.tc?.old_seccomp_mode) !== SeccompMode.filter) return;
    const filters = set.need('SECCOMP', undefined, 'threads are in filter mode: their filters are told there');
    const index = seccomp_filter ?? core.tc?.old_seccomp_filter ?? 0;
    const nr = filters?.[0]?.seccomp_filters?.length ?? 0;
    if (filters && index >= nr) yield ['thread_core.seccomp_filter', `there is no filter ${index}, there are ${nr}`];
  }),
  coreRule('V_CORE_CGROUP', 'the control groups of a thread are told in cgroup.img', function* ({ core }, _task, set) {
    const [field, id] =
      core.thread_core?.cg_set === undefined
        ? (['tc.cg_set', core.tc?.cg_set] as const)
        : (['thread_core.cg_set', core.thread_core.cg_set] as const);
    const sets = id === undefined ? undefined : set.keep('CGROUP')?.[0]?.sets;
    if (id !== undefined && sets && id !== set.inventory?.root_cg_set && !sets.some((one) => one.id === id))
      yield [field, `there is no set ${id} in ${imageFileName('CGROUP')}`];
  }),
];
