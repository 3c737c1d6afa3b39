import type { Messages } from './generated/messages.js';

type Filter = Messages['seccomp_filter'];

/**
 * The filters of a thread in the order in which they were added. Each names the one that was added after it, which stands
 * before it.
 * @returns what is wrong, in words, if anything is
 */
export function filterChain(all: readonly Filter[], first: number): Filter[] | string {
  const chain: Filter[] = [];
  let below = all.length;
  for (let at: number | undefined = first; at !== undefined; at = all[at]!.prev) {
    if (at >= below) return `filter ${at} is not there, or in its own chain`;
    below = at;
    chain.push(all[at]!);
  }
  return chain;
}
