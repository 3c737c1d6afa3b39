import type { SyscallName } from '../../arch/index.js';
import { FEATURES, type FeatureName } from './feature-probes.js';

/** Whether the kernel (and what it lets this process do) has a feature; unknown when it cannot be told from here. */
export type Answer = 'yes' | 'no' | 'unknown';

/** Argument of a system call: a word, a buffer whose address is passed, or null. */
export type SyscallArgument = number | bigint | NodeJS.TypedArray | null;

/** Makes a system call of crit's own; answers its result, or a negative errno. src/native/sys.ts has one: `sysRaw`. */
export type SyscallFunction = (name: SyscallName, ...args: SyscallArgument[]) => number;

/** One thing that kernels may have. */
export interface Feature {
  /** The kernel that brought it, "5.9". */
  since: string;
  /** What crit needs it for. */
  purpose: string;
  /** Nothing can be dumped or restored without. */
  required?: boolean;
  /** What it is for, crit does not do yet. */
  later?: boolean;
  /** Asks the kernel, once. Without `syscall` (no addon) it says 'unknown' if it needs one. */
  probe: (syscall: SyscallFunction | undefined) => Answer;
}

export { type FeatureName };

/**
 * Answers about the running kernel; each that is sure is asked for once.
 * @example
 * new Features(sysRaw).has('pagemap-scan') // 'yes' on Linux 6.7
 */
export class Features {
  readonly #syscall: SyscallFunction | undefined;
  readonly #answers = new Map<FeatureName, Answer>();

  constructor(syscall?: SyscallFunction) {
    this.#syscall = syscall;
  }

  /** Whether the kernel has a feature; asked again while it could not tell. Never throws. */
  has(name: FeatureName): Answer {
    let answer = this.#answers.get(name);
    if (answer === undefined) {
      try {
        answer = FEATURES[name].probe(this.#syscall);
      } catch {
        answer = 'unknown';
      }
      if (answer !== 'unknown') this.#answers.set(name, answer);
    }
    return answer;
  }

  /** All features in the order of the table. */
  all(): { name: FeatureName; feature: Feature; answer: Answer }[] {
    return (Object.keys(FEATURES) as FeatureName[]).map((name) => ({
      name,
      feature: FEATURES[name],
      answer: this.has(name),
    }));
  }
}
