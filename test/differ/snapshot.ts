import { readdirSync, statSync } from 'node:fs';
import { QUIET } from '../../src/image/log.js';
import { FrozenTree, type FrozenTask } from '../../src/dump/freeze.js';
import { KernelOrder } from '../../src/dump/files/kernel-order.js';
import { peekThread } from '../../src/dump/peek.js';
import { Sleepers } from '../../src/dump/sleepers.js';
import { borrowMapping } from '../../src/dump/task.js';
import { waitRest } from '../../src/dump/timed-call.js';
import * as KCMP from '../../src/kernel/uapi/kcmp.js';
import { readMaps } from '../../src/kernel/proc/maps.js';
import { sysRaw } from '../../src/native/sys.js';
import { Borrowed } from '../../src/task/borrow.js';
import { BorrowedThread } from '../../src/task/borrowed-thread.js';
import { Questions } from './ask.js';
import { askDescriptor } from './descriptor-questions.js';
import { Descriptors } from './descriptors.js';
import { Facts } from './facts.js';
import { addIpc } from './ipc.js';
import { addMappings } from './mappings.js';
import { addPages, Sharing } from './pages.js';
import { addProc, addWaiting, readText } from './proc.js';
import { askProcess } from './process-questions.js';
import { askThread } from './thread-questions.js';
import { addTracee } from './tracee-facts.js';

const FREEZE_SEC = 20;

/** What two threads may share, by the name of its kcmp(2) type. */
const SHARED = {
  memory: KCMP.KCMP_VM,
  'descriptor table': KCMP.KCMP_FILES,
  'file-system context': KCMP.KCMP_FS,
  'signal handlers': KCMP.KCMP_SIGHAND,
  'I/O context': KCMP.KCMP_IO,
  'System V undo list': KCMP.KCMP_SYSVSEM,
} as const;

/** How the facts of the snapshot that is being taken begin: the root is told apart, its parent is another one's. */
let rootPid = 0;
const processOf = (pid: number) => (pid === rootPid ? `root ${pid}` : `process ${pid}`);
const threadOf = (pid: number, tid: number) => `${processOf(pid)}/thread ${tid}`;

/** Asks a process and its descendants everything; they are stopped for that time and go on as they were. */
export function takeSnapshot(root: number): Facts {
  rootPid = root;
  const facts = new Facts();
  for (const pid of tree(root))
    for (const tid of numbers(`/proc/${pid}/task`)) addWaiting(facts, threadOf(pid, tid), `/proc/${pid}/task/${tid}`);
  const sleepers = Sleepers.of(root);
  const frozen = FrozenTree.freeze(root, QUIET, FREEZE_SEC);
  try {
    sleepers.stopped();
    const descriptors = new Descriptors(facts);
    const sharing = new Sharing();
    for (const task of frozen.tasks) addFrozen(facts, task, descriptors, sharing, sleepers);
    sharing.tell(facts, frozen.tasks);
    addSharedObjects(facts, frozen);
    addIpc(facts, root);
  } finally {
    frozen.release();
  }
  facts.doneMs = performance.now();
  return facts;
}

function addFrozen(
  facts: Facts,
  task: FrozenTask,
  descriptors: Descriptors,
  sharing: Sharing,
  sleepers: Sleepers,
): void {
  const { pid } = task;
  const where = processOf(pid);
  const stat = statSync(`/proc/${pid}`);
  facts.add(`${where}/zombie`, String(task.zombie));
  facts.add(`${where}/stop signal`, task.stopSignal);
  facts.add(`${where}/directory in proc`, `${stat.uid}:${stat.gid} ${stat.mode.toString(8)}`);
  if (task.zombie) {
    addZombie(facts, where, pid);
    return;
  }
  addProc(facts, where, `/proc/${pid}`);
  facts.add(`${where}/threads`, task.threads.map((t) => t.tid).join(' '));
  const threads = task.threads.map((tracee) => new BorrowedThread(tracee));
  const rseq = threads.map((thread, i) => {
    const { tid } = thread.tracee;
    const at = threadOf(pid, tid);
    addProc(facts, at, `/proc/${pid}/task/${tid}`);
    // these have no file of their own in the directory of a thread
    for (const name of ['timerslack_ns', 'autogroup', 'coredump_filter', 'personality'])
      facts.add(`${at}/${name}`, readText(`/proc/${tid}/${name}`).trim());
    return addTracee(facts, at, thread.tracee, thread.regs, i === 0).rseq;
  });
  const mappings = addMappings(facts, where, pid);
  addPages(facts, where, pid, mappings, rseq.filter(Boolean), sharing);
  const fds = descriptors.add(where, pid);
  const maps = readMaps(pid).map(borrowMapping);
  threads.forEach((thread, i) => {
    const { timed } = peekThread(pid, thread, i === 0, maps, sleepers);
    {
      // one at a time, so that each has the puppet's whole room
      using borrowed = Borrowed.of(pid, [thread], maps);
      const questions = new Questions(facts, borrowed.puppet.batch());
      askThread(questions, threadOf(pid, thread.tracee.tid));
      if (i === 0) {
        askProcess(questions, where, pid);
        for (const descriptor of fds) askDescriptor(questions, `${where}/descriptor ${descriptor.fd}`, descriptor);
      }
      questions.run();
    }
    if (timed) waitRest(thread, timed);
  });
}

/** What its parent, or who waits, sends or looks for it, learns of a zombie. */
const OF_ZOMBIE =
  /^(?:comm|stat\/(?:comm|state|ppid|pgrp|session|tty_nr|exit_signal|exit_code)|status\/(?:Name|State|Tgid|Pid|PPid|Uid|Gid|Groups|NS\w+)|ns\/.*)$/;

function addZombie(facts: Facts, where: string, pid: number): void {
  const all = new Facts();
  addProc(all, '', `/proc/${pid}`);
  for (const [name, value] of all.values) {
    const what = name.slice(1);
    facts.add(`${where}/${OF_ZOMBIE.test(what) ? what : `zombie with ${what}`}`, value);
  }
}

/** Which thread's objects are which other's: the first that has one stands for it. */
function addSharedObjects(facts: Facts, frozen: FrozenTree): void {
  const threads = frozen.alive.flatMap(({ pid, threads: all }) =>
    all.map(({ tid }) => ({ pid: tid, name: threadOf(pid, tid) })),
  );
  for (const [what, type] of Object.entries(SHARED)) {
    const order = new KernelOrder<{ pid: number; name: string }>((a, b) => sysRaw('kcmp', a.pid, b.pid, type, 0, 0));
    for (const thread of threads) {
      const first = order.findOrAdd(thread);
      facts.add(`${thread.name}/${what}`, first ? `that of ${first.name}` : 'its own');
    }
  }
}

function numbers(dir: string): number[] {
  try {
    return readdirSync(dir)
      .map(Number)
      .sort((a, b) => a - b);
  } catch {
    return [];
  }
}

function tree(root: number): number[] {
  const pids = [root];
  for (const pid of pids)
    for (const tid of numbers(`/proc/${pid}/task`)) {
      const children = readText(`/proc/${pid}/task/${tid}/children`);
      if (!children.startsWith('(')) pids.push(...children.split(' ').filter(Boolean).map(Number));
    }
  return pids;
}
