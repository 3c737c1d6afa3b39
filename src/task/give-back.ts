/** A process that crit holds. */
export interface Leaver {
  /** How it is given back, in steps that many processes take side by side. */
  readonly givingBack: readonly (() => void)[];
  readonly released: boolean;
  /** Has it go home by itself when it is let go. */
  heal(): void;
}

/**
 * Puts every thread of these processes back into the state that it was found in, or is to have, standing; the areas are
 * unmapped. Detaching, and thereby letting them run, is the caller's. A process with which that fails heals by itself
 * when it is let go: no failure keeps crit from the others. Copies of a process still see crit's death.
 * @returns what failed, one error a process
 */
export function giveBackAll(all: readonly Leaver[]): Error[] {
  const failures: Error[] = [];
  let left = all.filter((borrowed) => !borrowed.released).map((borrowed) => ({ borrowed, steps: borrowed.givingBack }));
  for (let step = 0; left.length > 0 && step < left[0]!.steps.length; step++)
    left = left.filter(({ borrowed, steps }) => {
      try {
        steps[step]!();
        return true;
      } catch (error) {
        failures.push(error as Error);
        borrowed.heal();
        return false;
      }
    });
  return failures;
}
