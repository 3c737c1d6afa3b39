import type { Answer, Feature, SyscallFunction } from './feature.js';
import { FEATURES, type FeatureName } from './feature-probes.js';

export type { Answer, Feature, SyscallArgument, SyscallFunction } from './feature.js';
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
