import { imageFileName } from '../../image/catalogue.js';
import { CritError } from '../../image/errors.js';
import { readRuns, splitPagemap, storedRuns } from '../../image/pagemap.js';
import type { EditedSet } from '../edited-set.js';

/** Bytes of a pages image. */
export interface Range {
  readonly from: number;
  readonly to: number;
}

/**
 * Where in the pages images the arguments and environments are that programs were started with, by the images' names.
 * Processes whose images are damaged have none.
 */
export function startedWith(set: EditedSet): Map<string, Range[]> {
  const places = new Map<string, Range[]>();
  for (const id of set.ids('PAGEMAP'))
    try {
      const mm = set.look('MM', id)?.entries[0]?.message;
      const { head, entries } = splitPagemap(set.look('PAGEMAP', id)?.entries.map(({ message }) => message) ?? []);
      if (!mm || !head) continue;
      const name = imageFileName('PAGES', head.pages_id);
      const ranges = places.get(name) ?? [];
      for (const { start, end, at } of storedRuns(head.pages_id, readRuns(name, entries)))
        for (const [first, last] of [
          [Number(mm.mm_arg_start), Number(mm.mm_arg_end)],
          [Number(mm.mm_env_start), Number(mm.mm_env_end)],
        ] as const) {
          const [from, to] = [Math.max(first, start), Math.min(last, end)];
          if (from < to) ranges.push({ from: at.offset + from - start, to: at.offset + to - start });
        }
      places.set(name, ranges);
    } catch (error) {
      if (!(error instanceof CritError)) throw error;
    }
  return places;
}
