import { timeOf, type Facts } from './facts.js';

/** Something that is not as it was. Undefined: there was, or is, no such thing. */
export interface Difference {
  readonly where: string;
  readonly before: string | undefined;
  readonly after: string | undefined;
}

/** A difference that is no fault. */
export interface Exception {
  /** Where: the whole name of the fact. */
  readonly where: RegExp;
  /** Also by what it was and is; always without this. */
  readonly when?: (difference: Difference) => boolean;
  readonly reason: string;
}

/** What two snapshots of one tree have in common, and what not. */
export interface Comparison {
  readonly nrFacts: number;
  readonly differences: readonly Difference[];
  readonly excused: readonly { readonly difference: Difference; readonly reason: string }[];
}

/** How far a time may be from what has passed: the machine may be busy. */
const SLACK_NS = 2_000_000_000n;

/** Everything that differs between two snapshots, without any exception. */
export function differences(before: Facts, after: Facts): Difference[] {
  const found: Difference[] = [];
  const passedNs = BigInt(Math.ceil((after.doneMs - before.begunMs) * 1e6));
  for (const where of new Set([...before.values.keys(), ...after.values.keys()])) {
    const was = before.values.get(where);
    const is = after.values.get(where);
    if (was !== is && !onlyPassed(was, is, passedNs)) found.push({ where, before: was, after: is });
  }
  for (const where of new Set([...before.pages.keys(), ...after.pages.keys()])) {
    const was = before.pages.get(where) ?? new Map<number, string>();
    const is = after.pages.get(where) ?? new Map<number, string>();
    for (const page of new Set([...was.keys(), ...is.keys()]))
      if (was.get(page) !== is.get(page))
        found.push({ where: `${where}/page ${page.toString(16)}`, before: was.get(page), after: is.get(page) });
  }
  return joined(found, before, after);
}

/** A process, thread, mapping or descriptor as a whole. */
const THING = /^.*?\/(?:thread \d+|mapping [^/]+|descriptor \d+)(?=\/)|^(?:root|process) \d+(?=\/)/;

/** Of a thing that is there only once, one difference says it all. */
function joined(found: readonly Difference[], before: Facts, after: Facts): Difference[] {
  const things = (facts: Facts) => new Set([...facts.values.keys()].flatMap((where) => THING.exec(where)?.[0] ?? []));
  const was = things(before);
  const is = things(after);
  const told = new Set<string>();
  return found.flatMap((difference) => {
    const thing = THING.exec(difference.where)?.[0];
    if (thing === undefined || was.has(thing) === is.has(thing)) return [difference];
    if (told.has(thing)) return [];
    told.add(thing);
    return was.has(thing)
      ? [{ where: thing, before: 'there', after: undefined }]
      : [{ where: thing, before: undefined, after: 'there' }];
  });
}

/** A timer that still runs, and whose time to go is less by at most what has passed. */
function onlyPassed(before: string | undefined, after: string | undefined, passedNs: bigint): boolean {
  const was = timeOf(before);
  const is = timeOf(after);
  if (was === undefined || is === undefined || (was === 0n) !== (is === 0n)) return false;
  return is <= was + SLACK_NS && is >= was - passedNs - SLACK_NS;
}

/** The registers of a thread, and the pages of a mapping, move together. */
const GROUP = /^(.*\/thread \d+)\/(?:register|xstate|syscall|wchan).*$|^(.*\/mapping [^/]+)\/page .*$/;
const groupOf = (where: string) => {
  const match = GROUP.exec(where);
  return match ? (match[1] ?? match[2]!) : where;
};

/**
 * What differs between two snapshots.
 * @param earlier a snapshot from before `before`, with nothing done in between: what differs there moves by itself
 */
export function compare(before: Facts, after: Facts, exceptions: readonly Exception[], earlier?: Facts): Comparison {
  const moving = new Set(earlier ? differences(earlier, before).map(({ where }) => groupOf(where)) : []);
  const left: Difference[] = [];
  const excused: { difference: Difference; reason: string }[] = [];
  for (const difference of differences(before, after)) {
    const { where } = difference;
    const reason = moving.has(groupOf(where))
      ? 'it moves by itself'
      : exceptions.find((e) => e.where.test(where) && (e.when?.(difference) ?? true))?.reason;
    if (reason === undefined) left.push(difference);
    else excused.push({ difference, reason });
  }
  return { nrFacts: before.values.size + sum(before), differences: left, excused };
}

function sum(facts: Facts): number {
  let count = 0;
  for (const pages of facts.pages.values()) count += pages.size;
  return count;
}

/** A difference as a line for people. */
export function line({ where, before, after }: Difference): string {
  const short = (text: string | undefined) =>
    text === undefined ? '(nothing)' : text.length > 200 ? `${text.slice(0, 200)}...` : text;
  return `${where}: ${short(before)} -> ${short(after)}`;
}
