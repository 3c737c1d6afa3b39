import { hash } from 'node:crypto';
import { closeSync, openSync, readSync } from 'node:fs';
import type { Facts } from './facts.js';
import type { Mapping } from './mappings.js';

const PAGE = 4096;
const PIECE = 65536;
/** Documentation/admin-guide/mm/pagemap.rst */
const PRESENT = 1n << 63n;
const SWAPPED = 1n << 62n;
const OF_FILE = 1n << 61n;
const FRAME = (1n << 55n) - 1n;
/** linux/rseq.h: what the kernel writes into a registered struct rseq whenever the thread moves to another processor. */
const RSEQ_MOVES = [
  [0, 8],
  [20, 28],
] as const;

const ZEROS = Buffer.alloc(PAGE);

/** Which frame of memory each private page of a tree is: what fork has left in common is known when all are. */
export class Sharing {
  readonly #frames = new Map<number, Map<number, { frame: bigint; mapping: string }>>();

  add(pid: number, address: number, frame: bigint, mapping: string): void {
    const frames = this.#frames.get(pid);
    if (frames) frames.set(address, { frame, mapping });
    else this.#frames.set(pid, new Map([[address, { frame, mapping }]]));
  }

  /** How many pages of each mapping a process has in common with its parent, copy-on-write. */
  tell(facts: Facts, processes: readonly { pid: number; ppid: number }[]): void {
    for (const { pid, ppid } of processes) {
      const parent = this.#frames.get(ppid);
      const counts = new Map<string, number>();
      for (const [address, { frame, mapping }] of this.#frames.get(pid) ?? [])
        if (parent?.get(address)?.frame === frame) counts.set(mapping, (counts.get(mapping) ?? 0) + 1);
      for (const [mapping, count] of counts) facts.add(`${mapping}/pages shared with the parent`, count);
    }
  }
}

/** A digest of each private page that is there and is not all zeros. */
export function addPages(
  facts: Facts,
  where: string,
  pid: number,
  mappings: readonly Mapping[],
  rseqAreas: readonly number[],
  sharing: Sharing,
): void {
  const mem = openSync(`/proc/${pid}/mem`, 'r');
  const pagemap = openSync(`/proc/${pid}/pagemap`, 'r');
  try {
    const words = new BigUint64Array(PIECE);
    const page = Buffer.alloc(PAGE);
    for (const mapping of mappings) {
      if (mapping.shared || mapping.path.startsWith('[v')) continue;
      const at = `${where}/mapping ${mapping.name}`;
      const digests = new Map<number, string>();
      for (let from = mapping.start; from < mapping.end; from += PIECE * PAGE) {
        const count = Math.min(PIECE, (mapping.end - from) / PAGE);
        readSync(pagemap, new Uint8Array(words.buffer), 0, count * 8, (from / PAGE) * 8);
        for (let i = 0; i < count; i++) {
          const word = words[i]!;
          if (!(word & (PRESENT | SWAPPED)) || word & OF_FILE) continue;
          const address = from + i * PAGE;
          try {
            readSync(mem, page, 0, PAGE, address);
          } catch {
            digests.set(address, 'cannot be read');
            continue;
          }
          for (const area of rseqAreas)
            for (const [start, end] of RSEQ_MOVES)
              if (area + start >= address && area + end <= address + PAGE)
                page.fill(0, area + start - address, area + end - address);
          if (page.equals(ZEROS)) continue;
          digests.set(address, hash('sha1', page, 'hex').slice(0, 16));
          if (word & PRESENT && !mapping.flags.has('dp')) sharing.add(pid, address, word & FRAME, at);
        }
      }
      facts.pages.set(at, digests);
    }
  } finally {
    closeSync(mem);
    closeSync(pagemap);
  }
}
