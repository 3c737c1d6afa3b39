import type { CritErrorCode } from '../../image/error-codes.js';
import type { ImagePlace } from '../../image/errors.js';
import type { Log } from '../../image/log.js';

/** The word before a request on crit's command line; no user types it. */
export const ENGINE = 'engine';
/** The descriptor that answers go to. Its number is that of Node's first one behind the standard ones. */
export const CHANNEL_FD = 3;

/** What the process of an engine is asked for. */
export type EngineKind = 'dump' | 'restore' | 'plan-dump' | 'plan-restore' | 'check';

/** A request, as the JSON in the last argument: arguments are still there when crit has executed itself again. */
export interface EngineRequest {
  /** Options that have their default are left out. */
  readonly options: Readonly<Record<string, unknown>>;
  readonly scripts?: readonly string[];
  /** Whether anybody listens to the log. */
  readonly log: boolean;
}

/** An error on its way out of the process. */
export interface Failure {
  readonly code: CritErrorCode;
  readonly message: string;
  /** Of an ImageError: the message without its place, and the place. */
  readonly reason?: string;
  readonly place?: ImagePlace;
  readonly stack?: string | undefined;
}

/** A line of JSON that the process of an engine writes. The last one is `done` or `failed`. */
export type EngineMessage =
  | { readonly log: readonly [level: keyof Log, text: string] }
  | { readonly progress: readonly [what: string, done: number, total: number] }
  | { readonly done: unknown }
  | { readonly failed: Failure };
