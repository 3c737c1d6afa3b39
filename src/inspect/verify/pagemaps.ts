import { imageFileName } from '../../image/catalogue.js';
import { CritError } from '../../image/errors.js';
import { isMapping } from '../../image/vma-fault.js';
import { PAGE_SIZE, PE } from '../../image/vma-status.js';
import type { CheckedSet } from './checked-set.js';
import type { CheckedTask } from './checked-task.js';
import { DUMP_AGAIN, type Report, type Rule } from './finding.js';
import type { Runs } from './runs.js';

/** An increment of an increment of ...: farther back nobody looks. */
const MAX_PARENTS = 64;
const ALL_FLAGS = PE.PARENT | PE.LAZY | PE.PRESENT;

const hex = (n: number) => `0x${n.toString(16)}`;

/** What is true of the pagemap of a task is true of that of shared memory. */
type Check = (runs: Runs, report: Report, set: CheckedSet, id: number | bigint, task?: CheckedTask) => void;

const pagemapRule = (code: Rule['code'], checks: string, check: Check, more: Partial<Rule> = {}): Rule => ({
  code,
  severity: 'error',
  checks,
  todo: DUMP_AGAIN,
  task: (task, report, set) => {
    if (task.pagemap) check(task.pagemap, report, set, task.pid, task);
  },
  walk: (set, report) => {
    for (const { id, runs } of set.sharedPagemaps) check(runs, report, set, id);
  },
  ...more,
});

/** Looks that every page of `wanted` runs is in `have` runs; both are in order. @returns the first address that is not */
function firstNotIn(
  wanted: { starts: readonly number[]; ends: readonly number[]; takes: (i: number) => boolean },
  have: { starts: readonly number[]; ends: readonly number[] },
): { entry: number; address: number } | undefined {
  let at = 0;
  for (let i = 0; i < wanted.starts.length; i++) {
    if (!wanted.takes(i)) continue;
    let from = wanted.starts[i]!;
    const end = wanted.ends[i]!;
    while (from < end) {
      while (at < have.starts.length && have.ends[at]! <= from) at++;
      if (at >= have.starts.length || have.starts[at]! > from) return { entry: i + 1, address: from };
      from = have.ends[at]!;
    }
  }
  return undefined;
}

const everything = () => true;

/** Pages, and the images that hold their bytes. */
export const pagemapRules: readonly Rule[] = [
  pagemapRule('V_PAGEMAP', 'runs of pages are aligned, in order, and do not overlap', (runs, report) => {
    for (const { entry, text } of runs.faults) report({ image: runs.image, entry }, text);
  }),
  pagemapRule('V_PAGEMAP_FLAGS', 'a page is present, in the parent set, or to be fetched', (runs, report) => {
    for (const [i, flags] of runs.flags.entries()) {
      const both = PE.PARENT | PE.PRESENT;
      if (flags & ~ALL_FLAGS || flags === 0 || (flags & both) === both)
        report(
          { image: runs.image, entry: i + 1, field: 'flags' },
          `${hex(flags)} is no combination that a dump makes`,
        );
    }
  }),
  pagemapRule('V_PAGEMAP_VMA', 'every page of a task is in a mapping', (runs, report, _set, _id, task) => {
    if (!task?.vmas) return;
    const vmas = task.vmas.filter(isMapping);
    const have = { starts: vmas.map(({ start }) => Number(start)), ends: vmas.map(({ end }) => Number(end)) };
    const first = firstNotIn({ starts: runs.starts, ends: runs.ends, takes: everything }, have);
    if (first)
      report(
        { image: runs.image, entry: first.entry, field: 'vaddr' },
        `${hex(first.address)} is in no mapping of task ${task.pid}`,
      );
  }),
  pagemapRule('V_PAGES_SIZE', 'an image of pages is as long as its pagemap says', (runs, report, set) => {
    if (runs.faults.length > 0) return;
    const image = imageFileName('PAGES', runs.pagesId);
    const size = set.sizes.get(image);
    const wanted = runs.nrPresent * PAGE_SIZE;
    if (size === undefined) {
      if (wanted > 0) set.mustHave('PAGES', runs.pagesId, `${runs.image} has ${runs.nrPresent} pages in it`);
    } else if (size !== wanted)
      report({ image }, `has ${size} bytes, ${runs.image} says ${wanted} (${runs.nrPresent} pages)`);
  }),
  pagemapRule('V_PAGES_ID', 'each pagemap has an image of pages of its own', (runs, report, set) => {
    const other = set.pagesIds.get(runs.pagesId);
    if (other !== undefined && other !== runs.image && runs.nrPresent > 0)
      report({ image: runs.image, entry: 0, field: 'pages_id' }, `${other} has the pages image ${runs.pagesId}, too`);
    else if (runs.nrPresent > 0) set.pagesIds.set(runs.pagesId, runs.image);
  }),
  pagemapRule(
    'V_PAGEMAP_PARENT',
    'a page that is in the parent set is there, or in the parent of that one',
    (runs, report, set, id, task) => {
      let child = runs;
      let from = set.checkpoint;
      const type = task ? 'PAGEMAP' : 'SHMEM_PAGEMAP';
      for (let depth = 0; child.flags.some((flags) => flags & PE.PARENT); depth++) {
        if (depth === MAX_PARENTS) return;
        const tell = (entry: number, text: string) =>
          report(
            { image: runs.image, entry, field: 'flags' },
            `${text}${depth === 0 ? '' : ` (${depth + 1} sets back)`}`,
          );
        const firstEntry = child.flags.findIndex((flags) => flags & PE.PARENT) + 1;
        let parent;
        try {
          parent = from.parent();
        } catch (error) {
          if (!(error instanceof CritError)) throw error;
          tell(firstEntry, `pages are in the parent set: ${error.message}`);
          return;
        }
        if (!parent) {
          tell(firstEntry, 'pages are in the parent set, and there is no link to one');
          return;
        }
        const below = set.parentPagemap(parent, type, id);
        if (!below) {
          tell(firstEntry, `pages are in the parent set, whose ${runs.image} is missing or damaged`);
          return;
        }
        const { flags } = child;
        const first = firstNotIn(
          { starts: child.starts, ends: child.ends, takes: (i) => (flags[i]! & PE.PARENT) !== 0 },
          below,
        );
        if (first) {
          tell(first.entry, `the page at ${hex(first.address)} is to be in the parent set, and is not`);
          return;
        }
        child = below;
        from = parent;
      }
    },
    { todo: 'bring the sets that this one is an increment of, as they were' },
  ),
  {
    code: 'V_SHMEM',
    severity: 'error',
    checks: 'shared memory that a mapping, memfd or segment is of has its pages in the set',
    todo: DUMP_AGAIN,
    walk: (set, report) => {
      for (const [shmid, who] of set.shmids)
        set.mustHave('SHMEM_PAGEMAP', shmid, `${who}: the pages of shared memory ${shmid} are told there`);
      for (const { runs, id } of set.sharedPagemaps)
        if (!set.shmids.has(BigInt(id)) && set.tasks.length > 0)
          report({ image: runs.image }, `no mapping, memfd or segment is of shared memory ${id}`);
    },
  },
];
