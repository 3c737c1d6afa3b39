import { decodeMessage } from '../../decode/decode-message.js';
import type { DumpStatsEntry, RestoreStatsEntry, StatsEntry } from '../../image/generated/messages.js';
import { CritError } from '../../image/errors.js';
import type { CheckResult } from '../check.js';
import { errorOf } from '../child/failure.js';
import type { Failure } from '../child/messages.js';
import { askEngine } from './ask-engine.js';
import { CHECK_RULES, checkOptions, DUMP_RULES, RESTORE_RULES } from './check-options.js';
import type { CheckOptions, DumpOptions, RestoreOptions } from './options.js';

/** A dump that is complete. */
export interface DumpResult {
  readonly pid: number;
  /** The directory of the images, absolute. */
  readonly imagesDir: string;
  /** Times in microseconds, and pages: what `stats-dump` would hold. */
  readonly stats: DumpStatsEntry;
}

/** A tree that runs again. */
export interface RestoreResult {
  /** The root process. It is no child of this program. */
  readonly pid: number;
  /** Times in microseconds, and pages: what `stats-restore` would hold. */
  readonly stats: RestoreStatsEntry;
}

/** What is in the way of a dump or restore. */
export interface Plan {
  /** Whether nothing is. */
  readonly ok: boolean;
  /** What a restore would do, in words; empty for a dump. */
  readonly steps: readonly string[];
  readonly obstacles: readonly CritError[];
}

const stats = (base64: string): StatsEntry => decodeMessage('stats_entry', Buffer.from(base64, 'base64'));

function checkDump(name: string, options: unknown): asserts options is DumpOptions {
  checkOptions<DumpOptions>(name, options, DUMP_RULES, ['pid', 'imagesDir']);
  if (options.leaveRunning && options.leaveStopped)
    throw new CritError(`${name}(): leaveRunning and leaveStopped exclude each other`, { code: 'BAD_ARGUMENT' });
}

/**
 * Dumps a process and its descendants into images. On any failure all of them run on as they were.
 * @throws CritError; the reason of `signal`
 */
export async function dump(options: DumpOptions): Promise<DumpResult> {
  checkDump('dump', options);
  const answer = (await askEngine('dump', options)) as { imagesDir: string; stats: string };
  return { pid: options.pid, imagesDir: answer.imagesDir, stats: stats(answer.stats).dump! };
}

/**
 * Brings the processes of images back: all of them, or none.
 * @throws CritError; the reason of `signal`
 */
export async function restore(options: RestoreOptions): Promise<RestoreResult> {
  checkOptions<RestoreOptions>('restore', options, RESTORE_RULES, ['imagesDir']);
  const answer = (await askEngine('restore', options)) as { pid: number; stats: string };
  return { pid: answer.pid, stats: stats(answer.stats).restore! };
}

/**
 * Says what a dump (options with a `pid`) or a restore would do and all that is in its way. Nothing is stopped, started
 * or changed.
 * @throws CritError; the reason of `signal`
 */
export async function plan(options: DumpOptions | RestoreOptions): Promise<Plan> {
  const ofDump = typeof options === 'object' && (options as unknown) !== null && 'pid' in options;
  if (ofDump) checkDump('plan', options);
  else checkOptions<RestoreOptions>('plan', options, RESTORE_RULES, ['imagesDir']);
  const answer = await askEngine(ofDump ? 'plan-dump' : 'plan-restore', options);
  const { lines, obstacles } = answer as { lines: string[]; obstacles: Failure[] };
  return { ok: obstacles.length === 0, steps: lines, obstacles: obstacles.map(errorOf) };
}

/**
 * Says whether dump and restore can work here, with this kernel and these rights.
 * @throws CritError; the reason of `signal`
 */
export async function check(options: CheckOptions = {}): Promise<CheckResult> {
  checkOptions<CheckOptions>('check', options, CHECK_RULES, []);
  const answer = (await askEngine('check', options)) as Omit<CheckResult, 'problems'> & { problems: Failure[] };
  return { ...answer, problems: answer.problems.map(errorOf) };
}
