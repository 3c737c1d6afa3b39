import type { Checkpoint } from '../checkpoint.js';
import { CheckedSet } from './checked-set.js';
import type { Finding, Report, Rule } from './finding.js';
import { hostRules } from './host.js';
import { imageRules } from './images.js';
import { ownNamespaces } from './namespaces.js';
import { restoreOptions, type RestoreOption } from './restore-options.js';
import { CONTENT_RULES, RULES } from './rules.js';

/** So many findings of one rule are told; there may be millions. */
const MOST_OF_A_RULE = 100;

export interface VerifyOptions {
  /** Compare with this machine, too: files, pids, ports, processor, rights. */
  readonly host?: boolean;
}

/** What verify found. */
export interface Verification {
  /** No finding is an error. */
  readonly sound: boolean;
  /** In the order of the rules (docs/verify.md); of each rule, in the order of the images. */
  readonly findings: readonly Finding[];
  /** How many findings are not listed, by rule: each rule lists at most 100. */
  readonly more: Readonly<Record<string, number>>;
  /** Images in the set, and tasks. */
  readonly nrImages: number;
  readonly nrTasks: number;
  /** Kinds of namespaces that the tree has of its own: pid, net, ... */
  readonly namespaces: readonly string[];
  /** Options that a restore of this set needs. */
  readonly restore: readonly RestoreOption[];
}

/**
 * Finds out whether a set will restore: each image decodes, and they agree with each other. Images are read by entry, memory is
 * flat. Nothing is written or started.
 * @throws CritError only if the place itself cannot be read: damaged and missing images are findings
 * @example
 * import { openCheckpoint, verify } from 'crit-checkpoint';
 * const { sound, findings } = verify(openCheckpoint('fixtures/sets/tree'));
 * // the pages are not kept with the fixtures
 * console.assert(!sound && findings.every(({ code }) => code === 'V_IMAGE_MISSING'));
 */
export function verify(checkpoint: Checkpoint, { host = false }: VerifyOptions = {}): Verification {
  const set = new CheckedSet(checkpoint);
  const found = new Map<Rule, Finding[]>();
  const more: Record<string, number> = {};
  const reportOf =
    (rule: Rule): Report =>
    ({ image, entry, field, todo = rule.todo }, cause) => {
      const list = found.get(rule) ?? [];
      found.set(rule, list);
      if (list.length >= MOST_OF_A_RULE) {
        more[rule.code] = (more[rule.code] ?? 0) + 1;
        return;
      }
      const place = { image, ...(entry === undefined ? {} : { entry }), ...(field === undefined ? {} : { field }) };
      list.push({ code: rule.code, severity: rule.severity, ...place, cause, todo });
    };
  const rules = [...CONTENT_RULES, ...(host ? hostRules : [])].map((rule) => ({ rule, report: reportOf(rule) }));
  for (const task of set.tasks) {
    task.load();
    for (const { rule, report } of rules) rule.task?.(task, report, set);
    task.release();
  }
  for (const { rule, report } of rules) rule.walk?.(set, report);
  // by now it is known which images are wanted, and which nobody has read
  for (const rule of imageRules) rule.walk?.(set, reportOf(rule));
  const findings = [...RULES, ...hostRules].flatMap((rule) => found.get(rule) ?? []);
  return {
    sound: !findings.some(({ severity }) => severity === 'error'),
    findings,
    more,
    nrImages: set.files.length,
    nrTasks: set.tasks.length,
    namespaces: [...ownNamespaces(set).keys()],
    restore: restoreOptions(set),
  };
}
