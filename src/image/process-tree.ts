import { imageFileName } from './catalogue.js';
import { CritError } from './errors.js';
import type { Messages } from './generated/messages.js';
import type { ImagePid } from './pid.js';
import { treeFaults } from './tree-faults.js';

/** A process to restore, as the images tell. */
export interface TreeTask {
  pid: ImagePid;
  ppid: ImagePid;
  pgid: ImagePid;
  sid: ImagePid;
  tids: ImagePid[];
  zombie: boolean;
}

/**
 * How a process comes into being. Sessions are inherited and cannot be joined, so who forks whom, and when, decides the
 * session a task is in.
 */
export interface Birth {
  task: TreeTask;
  /** Who runs the clone3: its parent, a sibling (then CLONE_PARENT), or a helper. Undefined for the root. */
  forker: Birth | undefined;
  /** The new task becomes a sibling of its forker. */
  cloneParent: boolean;
  /** A stand-in for a dead session or group leader: it ends when the tree stands, and is reaped by its parent. */
  helper: boolean;
  /** Ends its helper's life right after its children are forked, so that they are adopted by the nearest subreaper. */
  adopted: boolean;
  /** What it forks while still in the session it was born into, then after its setsid. */
  before: Birth[];
  after: Birth[];
  setsid: boolean;
}

/** A group that must exist while others join it: its leader is dead, so a helper holds the number. */
export interface GroupHelper {
  pgid: ImagePid;
  /** The task whose child the helper is. */
  owner: TreeTask;
  /** The group of a shell job, of which others may be there still. */
  foreign: boolean;
}

/** Who forks whom, in which order. Data only: it can be printed and tested without a kernel. */
export interface BirthPlan {
  root: Birth;
  /** Every birth in the order of creation. */
  order: Birth[];
  groupHelpers: GroupHelper[];
  /** Session and group of crit that tasks of a shell job stay in. */
  inheritedSid: ImagePid | undefined;
}

/** Reads the tree out of pstree.img. @throws CritError on a tree that cannot be */
export function readTree(entries: readonly Messages['pstree_entry'][], zombies: ReadonlySet<ImagePid>): TreeTask[] {
  for (const { where, text } of treeFaults(entries, zombies))
    throw new CritError(`${imageFileName('PSTREE')}: ${where === '' ? '' : `${where}: `}${text}`, {
      code: 'BAD_IMAGE',
    });
  return entries.map(({ pid, ppid, pgid, sid, threads }) => ({
    pid,
    ppid,
    pgid,
    sid,
    tids: [pid, ...(zombies.has(pid) ? [] : (threads ?? []).filter((tid) => tid !== pid))],
    zombie: zombies.has(pid),
  }));
}

/**
 * Plans the births. A task that is not a session leader must be born in its session; a leader's children of another
 * session are older than its setsid. An orphan, whose session's leader is not its parent, is forked by a helper, or by
 * its leader's zombie.
 * @param tablesOf the tables that a task may share with others (of descriptors, of directories), by names that are equal
 * where the tables are
 * @throws CritError UNSUPPORTED naming a task that no order of births brings where it was
 */
export function planBirths(tasks: readonly TreeTask[], tablesOf: (pid: ImagePid) => readonly string[]): BirthPlan {
  const byPid = new Map(tasks.map((task) => [task.pid, task]));
  const root = tasks.find((task) => task.ppid === 0)!;
  const children = new Map<ImagePid, TreeTask[]>(tasks.map((task) => [task.pid, []]));
  for (const task of tasks) children.get(task.ppid)?.push(task);
  const childrenOf = (pid: ImagePid): readonly TreeTask[] => children.get(pid) ?? [];
  const inheritedSid = byPid.has(root.sid) ? undefined : root.sid;

  /** The session that a task must be born in, or undefined when any will do. */
  const need = (task: TreeTask): ImagePid | undefined => {
    if (task.sid !== task.pid) return task.sid;
    for (const child of childrenOf(task.pid)) {
      const n = need(child);
      if (n !== undefined && n !== task.pid && !isOrphan(child, task)) return n;
    }
    return undefined;
  };
  /** Its session is neither its parent's nor one that its parent can have been in before. */
  const isOrphan = (task: TreeTask, parent: TreeTask): boolean => {
    const n = task.sid !== task.pid ? task.sid : undefined;
    if (n === undefined || n === parent.sid) return false;
    // a parent that leads its session was born in another one: its own parent's, at least if that one is alive
    if (parent.sid !== parent.pid) return true;
    for (let at: TreeTask | undefined = byPid.get(parent.ppid); at; at = byPid.get(at.ppid)) {
      if (at.sid === n) return false;
      if (at.sid !== at.pid) return true;
    }
    return n !== inheritedSid;
  };

  const order: Birth[] = [];
  const births = new Map<number, Birth>();
  const orphans: TreeTask[] = [];
  const make = (task: TreeTask, forker: Birth | undefined, extra: Partial<Birth> = {}): Birth => {
    const birth: Birth = {
      task,
      forker,
      cloneParent: false,
      helper: false,
      adopted: false,
      before: [],
      after: [],
      setsid: task.sid === task.pid,
      ...extra,
    };
    births.set(task.pid, birth);
    /** The children so far, by each table that they have and the task has not. */
    const owners = new Map<string, Birth>();
    const inherited = new Set(tablesOf(task.pid));
    for (const child of childrenOf(task.pid)) {
      if (isOrphan(child, task)) {
        orphans.push(child);
        continue;
      }
      // Two siblings that share a table the parent does not share are clones of each other.
      const tables = tablesOf(child.pid);
      const known = tables.some((table) => inherited.has(table));
      const twin = known ? undefined : tables.map((table) => owners.get(table)).find((birth) => birth !== undefined);
      const born = make(child, twin ?? birth, twin ? { cloneParent: true } : {});
      for (const table of tables) if (!owners.has(table)) owners.set(table, born);
      const n = need(child);
      const list = birth.setsid && n !== undefined && n !== task.pid ? birth.before : birth.after;
      if (twin) (twin.setsid ? twin.before : twin.after).push(born);
      else list.push(born);
    }
    return birth;
  };
  const rootBirth = make(root, undefined);

  for (const task of orphans) {
    const parent = births.get(task.ppid)!;
    const leader = births.get(task.sid);
    const birth = make(task, undefined);
    if (leader && !leader.task.zombie) {
      // The session lives on below its leader: a helper there forks the orphan and ends, the subreaper adopts it.
      const helper: Birth = {
        task: { pid: 0, ppid: leader.task.pid, pgid: 0, sid: leader.task.sid, tids: [0], zombie: false },
        forker: leader,
        cloneParent: false,
        helper: true,
        adopted: true,
        before: [],
        after: [birth],
        setsid: false,
      };
      birth.forker = helper;
      leader.after.push(helper);
    } else if (leader) {
      // Its zombie comes back as well, and forks before it ends again: a sibling of its own, or who is adopted then.
      birth.forker = leader;
      birth.cloneParent = task.ppid === leader.task.ppid;
      leader.after.push(birth);
    } else {
      // The leader is gone: a helper takes its number below the orphan's parent and forks siblings of itself.
      let helper = [...parent.after].find((b) => b.helper && b.task.pid === task.sid);
      if (!helper) {
        helper = {
          task: {
            pid: task.sid,
            ppid: parent.task.pid,
            pgid: task.sid,
            sid: task.sid,
            tids: [task.sid],
            zombie: false,
          },
          forker: parent,
          cloneParent: false,
          helper: true,
          adopted: false,
          before: [],
          after: [],
          setsid: true,
        };
        parent.after.push(helper);
      }
      birth.forker = helper;
      birth.cloneParent = true;
      helper.after.push(birth);
    }
  }
  const walk = (birth: Birth) => {
    order.push(birth);
    birth.before.forEach(walk);
    birth.after.forEach(walk);
  };
  walk(rootBirth);

  const groupHelpers: GroupHelper[] = [];
  const helpers = new Set(order.filter((b) => b.helper).map((b) => b.task.pid));
  for (const task of tasks) {
    const exists = byPid.has(task.pgid) || helpers.has(task.pgid);
    const foreign = inheritedSid !== undefined && task.sid === inheritedSid && task.pgid === root.pgid;
    if (!exists && !groupHelpers.some((h) => h.pgid === task.pgid))
      groupHelpers.push({ pgid: task.pgid, owner: task, foreign });
  }
  const plan = { root: rootBirth, order, groupHelpers, inheritedSid };
  checkBirths(plan);
  return plan;
}

/** Follows a plan by the kernel's rules (fork(2), setsid(2), PR_SET_CHILD_SUBREAPER). @throws CritError UNSUPPORTED */
function checkBirths({ root, inheritedSid }: BirthPlan): void {
  const parents = new Map<Birth, Birth | undefined>();
  const numbers = new Set<number>();
  const lost = ({ pid, ppid, sid }: TreeTask) =>
    new CritError(
      `task ${pid} is a child of ${ppid} in session ${sid}, whose leader is another one's child or has ended: this cannot be brought about again`,
      { code: 'UNSUPPORTED' },
    );
  const bear = (birth: Birth, parent: Birth | undefined, bornIn: number): void => {
    const { task } = birth;
    // a helper takes a number that another one has, or a zombie
    if (task.pid && numbers.has(task.pid)) throw lost([...birth.after, ...birth.before, birth][0]!.task);
    numbers.add(task.pid);
    parents.set(birth, parent);
    if (!birth.helper && (birth.setsid ? task.pid : bornIn) !== task.sid) throw lost(task);
    if (!birth.helper && parent && parent.task.pid !== task.ppid) {
      // who has ended leaves its children to a subreaper above it
      let above = parent.adopted || parent.task.zombie ? parents.get(parent) : undefined;
      while (above && above.task.pid !== task.ppid) above = parents.get(above);
      if (!above) throw lost(task);
    }
    const inherits = (child: Birth, sid: number) => {
      bear(child, child.cloneParent ? parent : birth, sid);
    };
    for (const child of birth.before) inherits(child, bornIn);
    for (const child of birth.after) inherits(child, birth.setsid ? task.pid : bornIn);
  };
  bear(root, undefined, inheritedSid ?? 0);
}
