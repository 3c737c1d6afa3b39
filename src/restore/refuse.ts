import type { CritError } from '../image/errors.js';

/** Takes what stands in the way of a restore: throws it, or notes it where only a plan is made (--dry-run). */
export type Refuse = (obstacle: CritError) => void;
