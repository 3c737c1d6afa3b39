/** From here on pages are written by the task itself, or its copy: bringing a descriptor into it pays. */
const INSIDE_BYTES = 4 << 20;
/** From here on it pays to bring the image's descriptor into a task that has to write while it stands. */
const GIVE_BYTES = 256 << 10;
/** How much of small tasks is held back until the tree runs again, all together. */
export const HELD_BYTES = 8 << 20;

/**
 * How the pages of a task come into their image:
 * - held: crit copies them into memory, and writes them when the tree runs again;
 * - outside: crit copies them into the image;
 * - beside: the task writes them while crit goes on with other things;
 * - inside: the task writes them while crit waits;
 * - fork: a copy of the task writes them when the tree runs again.
 *
 * beside and inside become outside where the task cannot take a descriptor; fork becomes inside where the task cannot be
 * forked, or would have to wait for its copy.
 */
export type Strategy = 'held' | 'outside' | 'beside' | 'inside' | 'fork';

/**
 * @param sizeBytes of the task's pages
 * @param heldBytes of all tasks so far
 * @param leaveRunning whether the tree runs again before the images are complete
 * @param increment pages are compared by crit: the task writes none, its copy is looked at from outside
 * @param restricted by seccomp: the task makes no calls that it need not make, and its copy could make none
 */
export function strategyOf(
  sizeBytes: number,
  heldBytes: number,
  { leaveRunning, restricted, increment = false }: { leaveRunning: boolean; restricted: boolean; increment?: boolean },
): Strategy {
  if (restricted) return heldBytes + sizeBytes <= HELD_BYTES ? 'held' : 'outside';
  if (sizeBytes >= INSIDE_BYTES && leaveRunning) return 'fork';
  if (increment) return heldBytes + sizeBytes <= HELD_BYTES ? 'held' : 'outside';
  if (sizeBytes >= INSIDE_BYTES) return 'inside';
  if (heldBytes + sizeBytes <= HELD_BYTES) return 'held';
  return sizeBytes >= GIVE_BYTES ? 'beside' : 'outside';
}
