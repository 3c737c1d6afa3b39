import { program, programs, workloads } from '../programs.js';
import { REFUSED } from '../system/refused.js';
import { Subject } from '../system/round-trip.js';
import { Workload } from '../system/workload.js';
import type { How } from './life.js';

/** A program to take through a dump, and what is known of it. */
export interface Case {
  readonly name: string;
  /** Around which dumps it is compared. */
  readonly how: readonly How[];
  /** Why this one is not compared. */
  readonly skip?: string;
  /** What such a program changes by itself at moments of its own. */
  readonly moves?: RegExp;
  /** How long it gets to come to rest. */
  readonly restMs?: number;
  readonly start: () => Promise<Subject>;
  /** One that verifies itself: it is dumped while it runs on before all, unless that changes it, and asked at the end. */
  readonly dumpFirst?: boolean;
  readonly verdict?: (subject: Subject) => Promise<string>;
}

/** Threads that sleep again and again are met between two sleeps at times. */
const SLEEPS_OFTEN = /\/(?:syscall|wchan|register\/(?:ax|orig_ax))$/;

/** A timer that goes off every few milliseconds: its signal is met pending, or being handled, at times. */
const IS_SIGNALLED =
  /\/(?:page .*|syscall|wchan|register\/.*|xstate\/.*|stat(?:us)?\/(?:[Ss]tate|ShdPnd|SigPnd|SigBlk|signal|blocked|wchan|kstk\w+)|signal mask|queued for the .*|itimer.*)$/;

/** What the programs of this project need to be told, and how they move. Those that are not here take no arguments. */
const KNOWN: Readonly<Record<string, readonly { args: string[]; skip?: string; moves?: RegExp }[]>> = {
  counter: [{ args: [], moves: SLEEPS_OFTEN }],
  heartbeat: [{ args: ['1', '8', '8', '2'], moves: /\/page / }],
  'deny-open': [{ args: [], skip: 'it runs another program' }],
  'counting-threads': [{ args: [], moves: SLEEPS_OFTEN }],
  waiting: [{ args: [], skip: 'its waits end while it is looked at' }],
};

/** Workloads that move, or cannot be compared. */
const WORKLOADS: Readonly<Record<string, { skip?: string; moves?: RegExp }>> = {
  cgroup: { skip: 'its control groups are gone when it is restored' },
  // what was in a FIFO is written into it again
  fifo: { moves: /\/statx\/[cm]time$/ },
  // a parent's MADV_HUGEPAGE cannot be taken back from its child, which gets a mapping of its own
  'mem-advice': { moves: /\/pages shared with the parent$/ },
  // its content is dropped
  'mem-droppable': { moves: /\/page / },
  'full-counters': { moves: /\/fdinfo\/(?:ticks|it_value)$/ },
  'io-uring-wait': { skip: 'worker threads of an io_uring are made again when they are needed' },
  itimers: { moves: IS_SIGNALLED },
  // asking for what is in a queue sets its times
  mqueue: { moves: /\/statx\/[cm]time$/ },
  // files of /proc have the time at which somebody first looked for them
  'ns-files': { moves: /\/statx\/[cm]time$/ },
  'tcp-closing': { skip: 'what a connection has measured begins anew' },
  'tcp-connecting': { skip: 'it counts how often it has asked' },
  'tcp-est': { skip: 'what a connection has measured (rates, segments, windows) begins anew' },
  'tcp-outside': { skip: 'what a connection has measured begins anew' },
  'tcp-states': { skip: 'what a connection has measured begins anew' },
  'tcp-urgent': { skip: 'what a connection has measured begins anew' },
  'link-remap': { skip: 'a dump gives its files one link more' },
  'link-remap-many': { skip: 'a dump gives its files one link more' },
  // its deleted file has a name for a moment, in a directory that is open
  'locks-shared': { moves: /\/statx\/[cm]time$/ },
  loop: { moves: SLEEPS_OFTEN },
  // the first dump copies it by a process that shares its memory for a moment: the kernel makes a table of futexes then
  'mem-lone-pages': { moves: /\/prctl PR_FUTEX_HASH$/ },
  'mem-policies': { moves: SLEEPS_OFTEN },
  'posix-timers': { moves: IS_SIGNALLED },
  // the kernel forgets the names of files of /proc/net while they are open
  'proc-files': { moves: /\/descriptor 8\/link$/ },
  // a thread spins
  rseq: { moves: /\/register\/(?!\w*s(?:_base)?$)\w+$/ },
  'rseq-libc': { moves: SLEEPS_OFTEN },
  signals: { moves: SLEEPS_OFTEN },
  // a stop that was waited for is told again; the stopped sleep writes how much of it is left
  stopped: { moves: /\/(?:stat\/exit_code|page .*)$/ },
  timerfd: { moves: /\/fdinfo\/(?:ticks|it_value)$/ },
  'thread-attributes': { moves: SLEEPS_OFTEN },
  threads: { moves: SLEEPS_OFTEN },
  'timers-of-libc': { moves: /^root \d+\/(?:thread|mapping|threads|children|stat|status|timer)/ },
  uprobes: { skip: 'the kernel maps [uprobes] when a probe is hit, and code that it has changed counts as written' },
  // children that were adopted are born in another order
  'tree-orphan': { moves: /\/children$/ },
};

/** What a dump that leaves the process running has to change, and why. */
export const CHANGED_BY_DUMP: Readonly<Record<string, string>> = {
  'link-remap': 'the file gets the link that a restore opens it by',
  'link-remap-many': 'the same',
  'udp-queues': 'a message of no bytes that was peeked at is not seen by the next peek',
  'unix-datagrams': 'the same',
  'unix-queues': 'the same',
};

/** Workloads that notice that they are looked at. */
const VERDICT_ELSEWHERE: ReadonlySet<string> = new Set([]);

/** Workloads wait in one call: they come to rest at once. */
const WORKLOAD_REST_MS = 50;

/** All of test/programs. Workloads are small and many: without `all` they are compared after a restore only. */
export function cases(all: boolean): Case[] {
  const selfVerifying = new Set(workloads());
  return programs().flatMap((name): Case[] => {
    if (!selfVerifying.has(name))
      return (KNOWN[name] ?? [{ args: [] }]).map(({ args, ...known }) => ({
        name: [name, ...args].join(' '),
        how: ['restore', 'leave-running'],
        start: () => Promise.resolve(new Subject(program(name), args)),
        ...known,
      }));
    const skip = REFUSED[name] === undefined ? {} : { skip: `refused: ${REFUSED[name]}` };
    const how: How[] = all ? ['restore', 'leave-running'] : ['restore'];
    const verdict = async (subject: Subject) =>
      subject instanceof Workload ? await subject.verdict() : 'is no workload';
    const own = { dumpFirst: CHANGED_BY_DUMP[name] === undefined, ...(VERDICT_ELSEWHERE.has(name) ? {} : { verdict }) };
    return [
      { name, how, restMs: WORKLOAD_REST_MS, start: () => Workload.start(name), ...own, ...skip, ...WORKLOADS[name] },
    ];
  });
}
