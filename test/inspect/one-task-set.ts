import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { writeImage } from '../../src/encode/image-writer.js';
import { VMA } from '../../src/image/vma-status.js';

/** The only task of a set of makeSet. */
export const PID = 7;
export const page = (text: string): Buffer => Buffer.alloc(4096, text);
export const owner = { uid: 0, euid: 0, signum: 0, pid_type: 0, pid: 0 };

export type Run = [vaddr: number, pages: number, flags: number];
interface SetOptions {
  readonly vmas?: object[];
  readonly runs?: Run[];
  readonly pages?: Buffer[];
  readonly files?: object[];
  readonly parent?: string;
}

export const vma = (
  start: number,
  end: number,
  status: number = VMA.REGULAR | VMA.ANON_PRIVATE,
  more: object = {},
): object => ({
  start: BigInt(start),
  end: BigInt(end),
  pgoff: 0n,
  shmid: 0n,
  prot: 3,
  flags: 0x22,
  status,
  fd: -1n,
  ...more,
});

export const pagemap = (
  set: string,
  type: 'PAGEMAP' | 'SHMEM_PAGEMAP',
  id: number,
  pagesId: number,
  runs: Run[],
): void => {
  const entries = runs.map(([vaddr, pages, flags]) => ({
    message: { vaddr: BigInt(vaddr), compat_nr_pages: pages % 2 ** 32, nr_pages: BigInt(pages), flags },
  }));
  writeImage(set, type, id, [{ message: { pages_id: pagesId } }, ...entries]);
};

/** Writes a set of one task; its pages are in pages-1.img. @param parent the name of a set beside it @returns its directory */
export function makeSet(
  dir: string,
  name: string,
  { vmas, runs = [], pages = [], files = [], parent }: SetOptions,
): string {
  const set = path.join(dir, name);
  mkdirSync(set);
  writeImage(set, 'PSTREE', undefined, [{ message: { pid: PID, ppid: 0, pgid: PID, sid: PID, threads: [PID] } }]);
  const mm: Record<string, unknown> = { exe_file_id: 1, vmas: vmas ?? [vma(0x10000, 0x20000)] };
  for (const field of ['start_code', 'end_code', 'start_data', 'end_data', 'start_stack', 'start_brk', 'brk'])
    mm[`mm_${field}`] = 0n;
  for (const field of ['arg_start', 'arg_end', 'env_start', 'env_end']) mm[`mm_${field}`] = 0n;
  writeImage(set, 'MM', PID, [{ message: mm }]);
  pagemap(set, 'PAGEMAP', PID, 1, runs);
  writeFileSync(path.join(set, 'pages-1.img'), Buffer.concat(pages));
  writeImage(
    set,
    'FILES',
    undefined,
    files.map((message) => ({ message })),
  );
  if (parent !== undefined) symlinkSync(path.join('..', parent), path.join(set, 'parent'));
  return set;
}
