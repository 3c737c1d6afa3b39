import assert from 'node:assert/strict';
import test from 'node:test';
import { planBirths, readTree, type Birth, type BirthPlan } from '../../src/image/process-tree.js';

/** [pid, ppid, pgid, sid] */
type Row = readonly [number, number, number, number];

function plan(
  rows: readonly Row[],
  zombies: readonly number[] = [],
  tablesOf: (pid: number) => readonly string[] = () => [],
): BirthPlan {
  const entries = rows.map(([pid, ppid, pgid, sid]) => ({ pid, ppid, pgid, sid, threads: [pid] }));
  return planBirths(readTree(entries, new Set(zombies)), tablesOf);
}

/** Runs a plan in a model of Linux's rules: who ends up with which parent and session. */
function simulate(births: BirthPlan): Map<number, { parent: number; sid: number }> {
  const made = new Map<number, { parent: number; sid: number }>();
  let any = 100_000;
  const raise = (birth: Birth, parent: number, sid: number): void => {
    const pid = birth.task.pid || ++any;
    const self = { parent, sid };
    made.set(pid, self);
    const bear = (child: Birth) => {
      raise(child, child.cloneParent ? self.parent : pid, self.sid);
    };
    birth.before.forEach(bear);
    if (birth.setsid) self.sid = pid;
    birth.after.forEach(bear);
    // the nearest subreaper is the root in these trees
    if (birth.adopted) for (const other of made.values()) if (other.parent === pid) other.parent = births.root.task.pid;
  };
  raise(births.root, 0, 1);
  return made;
}

function check(rows: readonly Row[], births: BirthPlan, foreignSid?: number): void {
  const made = simulate(births);
  for (const [pid, ppid, , sid] of rows) {
    assert.equal(made.get(pid)?.parent, ppid, `parent of ${pid}`);
    assert.equal(made.get(pid)?.sid, sid === foreignSid ? 1 : sid, `session of ${pid}`);
  }
}

const TREES: readonly { name: string; rows: readonly Row[]; zombies?: readonly number[]; foreign?: number }[] = [
  { name: 'one session leader', rows: [[10, 0, 10, 10]] },
  {
    name: 'children of the session, a group leader, and a leader of a new session with a member',
    rows: [
      [10, 0, 10, 10],
      [12, 10, 12, 10],
      [13, 12, 12, 10],
      [14, 10, 14, 14],
      [15, 14, 15, 14],
    ],
  },
  {
    name: 'a child born before its parent began a session',
    rows: [
      [10, 0, 10, 10],
      [11, 10, 11, 11],
      [12, 11, 10, 10],
      [13, 11, 11, 11],
    ],
  },
  {
    name: 'an orphan whose session leader is dead',
    rows: [
      [10, 0, 10, 10],
      [17, 10, 16, 16],
      [19, 10, 10, 10],
    ],
  },
  {
    name: 'two orphans of one dead session leader',
    rows: [
      [10, 0, 10, 10],
      [17, 10, 16, 16],
      [18, 10, 16, 16],
    ],
  },
  {
    name: 'an orphan whose session leader lives elsewhere in the tree',
    rows: [
      [10, 0, 10, 10],
      [14, 10, 14, 14],
      [15, 10, 14, 14],
    ],
  },
  {
    name: 'a zombie, and a zombie that led a session',
    rows: [
      [10, 0, 10, 10],
      [11, 10, 10, 10],
      [12, 10, 12, 12],
    ],
    zombies: [11, 12],
  },
  {
    name: 'an orphan whose session leader is a zombie',
    rows: [
      [10, 0, 10, 10],
      [16, 10, 16, 16],
      [17, 10, 16, 16],
      [18, 17, 16, 16],
    ],
    zombies: [16],
  },
  {
    name: "a shell job in its shell's session",
    rows: [
      [10, 0, 10, 5],
      [11, 10, 10, 5],
    ],
    foreign: 5,
  },
];

for (const { name, rows, zombies, foreign } of TREES)
  test(`parents and sessions come out right: ${name}`, () => {
    check(rows, plan(rows, zombies), foreign);
  });

test('a group whose leader is dead gets a helper below one of its members', () => {
  const births = plan([
    [10, 0, 10, 10],
    [11, 10, 99, 10],
    [12, 10, 99, 10],
  ]);
  assert.deepEqual(
    births.groupHelpers.map(({ pgid, owner }) => [pgid, owner.pid]),
    [[99, 11]],
  );
});

test('siblings that share what their parent does not are clones of each other', () => {
  const births = plan(
    [
      [10, 0, 10, 10],
      [11, 10, 10, 10],
      [12, 10, 10, 10],
    ],
    [],
    (pid) => (pid === 10 ? [] : ['descriptors 1']),
  );
  const twin = births.order.find((birth) => birth.task.pid === 12)!;
  assert.equal(twin.forker!.task.pid, 11);
  assert.ok(twin.cloneParent);
});

const REFUSED: readonly { name: string; rows: readonly Row[]; message: RegExp }[] = [
  { name: 'no task', rows: [], message: /no task/ },
  { name: 'two roots', rows: [[10, 0, 10, 10], [11, 0, 10, 10]], message: /2 tasks have no parent/ }, // prettier-ignore
  { name: 'a missing parent', rows: [[10, 0, 10, 10], [11, 9, 10, 10]], message: /its parent 9 is missing/ }, // prettier-ignore
  { name: 'a pid twice', rows: [[10, 0, 10, 10], [10, 10, 10, 10]], message: /10 is there twice/ }, // prettier-ignore
  { name: 'members of a dead session below two parents', rows: [[10, 0, 10, 10], [11, 10, 11, 11], [12, 10, 12, 12], [13, 11, 9, 9], [14, 12, 9, 9]], message: /task 14 is a child of 12 in session 9, .* cannot be brought about/ }, // prettier-ignore
  { name: 'pid 0', rows: [[0, 0, 0, 0]], message: /0 is no process id/ },
];
for (const { name, rows, message } of REFUSED)
  test(`a tree with ${name} is refused`, () => {
    assert.throws(() => plan(rows), message);
  });
